/** What this agent may do, read once: capabilities, OOM score, swap accounting. */
import { fileFacts, readText } from '../../../shared/host/tree.ts'
import type { HostFacts } from './spec.ts'

/** By number (linux/capability.h). */
const names = ['CHOWN', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID', 'SETPCAP', 'LINUX_IMMUTABLE', 'NET_BIND_SERVICE', 'NET_BROADCAST', 'NET_ADMIN', 'NET_RAW', 'IPC_LOCK', 'IPC_OWNER',
  'SYS_MODULE', 'SYS_RAWIO', 'SYS_CHROOT', 'SYS_PTRACE', 'SYS_PACCT', 'SYS_ADMIN', 'SYS_BOOT', 'SYS_NICE', 'SYS_RESOURCE', 'SYS_TIME', 'SYS_TTY_CONFIG', 'MKNOD', 'LEASE', 'AUDIT_WRITE', 'AUDIT_CONTROL', 'SETFCAP',
  'MAC_OVERRIDE', 'MAC_ADMIN', 'SYSLOG', 'WAKE_ALARM', 'BLOCK_SUSPEND', 'AUDIT_READ', 'PERFMON', 'BPF', 'CHECKPOINT_RESTORE']

export async function readHostFacts(): Promise<HostFacts> {
  const [status, score, v1, v2] = await Promise.all([
    readText('/proc/self/status'), readText('/proc/self/oom_score_adj'), fileFacts('/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes'), fileFacts('/sys/fs/cgroup/cgroup.controllers'),
  ])
  const mask = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status ?? '')?.[1] ?? '0'}`)
  return {
    capabilities: names.filter((_, bit) => (mask >> BigInt(bit)) & 1n).map((n) => `CAP_${n}`),
    oomScoreAdj: Number(score ?? 0),
    unifiedCgroups: v2 !== undefined,
    swapAccounting: v1 !== undefined || (v2 !== undefined && (await readText('/proc/swaps') ?? '').split('\n').length > 2),
  }
}
