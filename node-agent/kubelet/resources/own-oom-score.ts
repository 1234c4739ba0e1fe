/** The agent's own OOM score: when the machine runs out of memory, it goes after everything that it runs. */
import type { Log } from '../../../shared/base/host.ts'
import { messageOf } from '../../../shared/base/errors.ts'
import type { FileTree } from '../../../shared/host/file-tree.ts'
import { agentOomScoreAdj } from './oom-score.ts'

const path = '/proc/self/oom_score_adj'

/** Where the kernel does not permit it (no CAP_SYS_RESOURCE) that is said once, for the agent and for all its containers, whose drivers clamp theirs. */
export async function lowerOwnOomScore(files: Pick<FileTree, 'read' | 'write'>, log: Log): Promise<void> {
  try { await files.write(path, String(agentOomScoreAdj)) } catch (e) {
    log.warn('OOM scores cannot be lowered here: the agent keeps its own, and no container gets a lower one', { least: (await files.read(path))?.trim() ?? '', error: messageOf(e) })
  }
}
