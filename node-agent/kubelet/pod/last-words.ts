/** The termination message of a container. Source: upstream `getTerminationMessage` in `pkg/kubelet/kuberuntime`. */
import type { Host } from '../../../shared/base/host.ts'
import { messageOf } from '../../../shared/base/errors.ts'
import type { FileTree } from '../../../shared/host/file-tree.ts'
import type { Container, Runtime } from '../../runtime/runtime.ts'
import { cutTail } from '../status/utf8.ts'
import { containerNamed, type StoredPod } from './pod-facts.ts'
import type { PodRecord } from './record.ts'

/** Bytes, as upstream counts them. */
const maxFile = 4096
const maxLog = 2048
const maxLines = 80

/** The file may be of any size, and any bytes: a container wrote it. Its end counts, as upstream's `tail.ReadAtMost` has it. */
export async function readLastWords(deps: { host: Host; files: Pick<FileTree, 'readTail'>; runtime: Pick<Runtime, 'logs'> }, record: PodRecord, pod: StoredPod, c: Container): Promise<string> {
  const text = cutTail((await deps.files.readTail(record.paths.terminationMessage(c.name, c.attempt), maxFile + 4)) ?? new Uint8Array(), maxFile)
  // A container that never started has no log of its own.
  if (text !== '' || c.exitCode === 0 || c.startedAt === undefined || containerNamed(pod, c.name)?.terminationMessagePolicy !== 'FallbackToLogsOnError') return text
  let end = Buffer.alloc(0)
  try {
    const options = { follow: false, tailLines: maxLines, since: undefined }
    for await (const { line } of deps.runtime.logs(c.id, record.paths.log(c.name, c.attempt), options, record.abort.signal)) end = Buffer.concat([end, line]).subarray(-maxLog - 4)
  } catch (e) {
    deps.host.log.debug('no log for the termination message', { container: c.name, error: messageOf(e) })
  }
  return cutTail(end, maxLog)
}
