/** Writes docs/pod-fields.md. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { page } from './table.ts'

await writeFile(join(import.meta.dirname, '../../docs/pod-fields.md'), page())
