/** Sets of completion indexes in the compressed form of a Job's status, `1,3-5` (upstream `pkg/controller/job/indexed_job_utils.go`). Pure. */
import type { Pod } from '../../../shared/api/core-v1.ts'

export const indexAnnotation = 'batch.kubernetes.io/job-completion-index'

/** Text that is no index list gives none: the status is the server's own. */
export function parseIndexes(text: string | undefined): Set<number> {
  const out = new Set<number>()
  for (const part of (text ?? '').split(',')) {
    const [from = '', to = from] = part.split('-')
    if (!/^\d+$/.test(from) || !/^\d+$/.test(to)) continue
    for (let i = Number(from); i <= Number(to); i++) out.add(i)
  }
  return out
}

export function formatIndexes(indexes: Iterable<number>): string {
  const sorted = [...indexes].sort((a, b) => a - b)
  const parts: string[] = []
  for (let i = 0; i < sorted.length;) {
    let end = i
    while (sorted[end + 1] === (sorted[end] as number) + 1) end++
    parts.push(end === i ? `${sorted[i]}` : end === i + 1 ? `${sorted[i]},${sorted[end]}` : `${sorted[i]}-${sorted[end]}`)
    i = end + 1
  }
  return parts.join(',')
}

/** The pod's index; undefined for a pod that has none below `completions`. */
export function indexOf(pod: Pod, completions: number): number | undefined {
  const text = pod.metadata?.annotations?.[indexAnnotation]
  const index = text !== undefined && /^\d+$/.test(text) ? Number(text) : -1
  return index >= 0 && index < completions ? index : undefined
}
