/** Capabilities by name. Pure. */
import { RuntimeError } from '../runtime.ts'

/** By number (linux/capability.h). */
export const capabilityNames = ['CHOWN', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID', 'SETPCAP', 'LINUX_IMMUTABLE', 'NET_BIND_SERVICE', 'NET_BROADCAST', 'NET_ADMIN', 'NET_RAW', 'IPC_LOCK', 'IPC_OWNER',
  'SYS_MODULE', 'SYS_RAWIO', 'SYS_CHROOT', 'SYS_PTRACE', 'SYS_PACCT', 'SYS_ADMIN', 'SYS_BOOT', 'SYS_NICE', 'SYS_RESOURCE', 'SYS_TIME', 'SYS_TTY_CONFIG', 'MKNOD', 'LEASE', 'AUDIT_WRITE', 'AUDIT_CONTROL', 'SETFCAP',
  'MAC_OVERRIDE', 'MAC_ADMIN', 'SYSLOG', 'WAKE_ALARM', 'BLOCK_SUSPEND', 'AUDIT_READ', 'PERFMON', 'BPF', 'CHECKPOINT_RESTORE']

/** `CAP_X` of `x`, `X` or `CAP_X`; `ALL` as it is. Throws `create-failed` where there is none of the name, as Docker does: a runtime would leave it out and say nothing. */
export const capabilityNamed = (name: string, flag: 'CapAdd' | 'CapDrop'): string => {
  const plain = name.toUpperCase().replace(/^CAP_/, '')
  if (plain === 'ALL') return plain
  if (!capabilityNames.includes(plain)) throw new RuntimeError('create-failed', `invalid ${flag}: unknown capability: ${JSON.stringify(`CAP_${plain}`)}`)
  return `CAP_${plain}`
}
