/** The termination message of a container. Source: upstream `getTerminationMessage` in `pkg/kubelet/kuberuntime`. */
import type { Host } from '../../../shared/base/host.ts'
import { messageOf } from '../../../shared/base/errors.ts'
import type { FileTree } from '../../../shared/host/file-tree.ts'
import type { Container, Runtime } from '../../runtime/runtime.ts'
import { containerNamed, type StoredPod } from './pod-facts.ts'
import type { PodRecord } from './record.ts'

const maxFile = 4096
const maxLog = 2048
const maxLines = 80

export async function readLastWords(deps: { host: Host; files: FileTree; runtime: Pick<Runtime, 'logs'> }, record: PodRecord, pod: StoredPod, c: Container): Promise<string> {
  const text = ((await deps.files.read(record.paths.terminationMessage(c.name, c.attempt))) ?? '').slice(0, maxFile)
  if (text !== '' || c.exitCode === 0 || containerNamed(pod, c.name)?.terminationMessagePolicy !== 'FallbackToLogsOnError') return text
  const lines: Buffer[] = []
  try {
    const options = { follow: false, tailLines: maxLines, since: undefined }
    for await (const { line } of deps.runtime.logs(c.id, record.paths.log(c.name, c.attempt), options, record.abort.signal)) lines.push(line)
  } catch (e) {
    deps.host.log.debug('no log for the termination message', { container: c.name, error: messageOf(e) })
  }
  return Buffer.concat(lines).toString('utf8').slice(-maxLog)
}
