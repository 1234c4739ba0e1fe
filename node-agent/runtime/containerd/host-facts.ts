/** What this agent may do, read once: capabilities, OOM score, swap accounting. */
import { fileFacts, readText } from '../../../shared/host/tree.ts'
import { capabilityNames } from './capabilities.ts'
import type { HostFacts } from './spec.ts'

export async function readHostFacts(): Promise<HostFacts> {
  const [status, score, v1, v2] = await Promise.all([
    readText('/proc/self/status'), readText('/proc/self/oom_score_adj'), fileFacts('/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes'), fileFacts('/sys/fs/cgroup/cgroup.controllers'),
  ])
  const mask = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status ?? '')?.[1] ?? '0'}`)
  return {
    capabilities: capabilityNames.filter((_, bit) => (mask >> BigInt(bit)) & 1n).map((n) => `CAP_${n}`),
    oomScoreAdj: Number(score ?? 0),
    unifiedCgroups: v2 !== undefined,
    swapAccounting: v1 !== undefined || (v2 !== undefined && (await readText('/proc/swaps') ?? '').split('\n').length > 2),
  }
}
