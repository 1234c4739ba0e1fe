/** Every field of a Pod, on both runtimes. The rows are in `test/pod-fields`; the page for users is docs/pod-fields.md. */
import { podFieldSuite } from '../pod-fields/suite.ts'

const only = (process.env['POD_FIELDS'] ?? '').split(',').filter(Boolean)
for (const runtime of ['containerd', 'docker'] as const) podFieldSuite(runtime, only)
