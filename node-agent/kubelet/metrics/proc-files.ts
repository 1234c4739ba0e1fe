/** What files of /proc say of a machine and of a network namespace. Pure. */

export interface InterfaceReading {
  readonly name: string
  readonly rxBytes: number; readonly rxPackets: number; readonly rxErrors: number; readonly rxDropped: number
  readonly txBytes: number; readonly txPackets: number; readonly txErrors: number; readonly txDropped: number
}

/** `/proc/net/dev` or `/proc/<pid>/net/dev`; the loopback is left out. */
export function parseNetDev(text: string): InterfaceReading[] {
  return text.split('\n').flatMap((line) => {
    const at = line.indexOf(':')
    const name = line.slice(0, at).trim()
    if (at < 0 || name === 'lo') return []
    const [rxBytes = 0, rxPackets = 0, rxErrors = 0, rxDropped = 0, , , , , txBytes = 0, txPackets = 0, txErrors = 0, txDropped = 0] = line.slice(at + 1).trim().split(/\s+/).map(Number)
    return [{ name, rxBytes, rxPackets, rxErrors, rxDropped, txBytes, txPackets, txErrors, txDropped }]
  })
}

/** `USER_HZ` is 100 on every Linux we run on. */
const nanosPerTick = 1e7

/** Busy time of all processors in `/proc/stat`, nanoseconds: user, nice, system, irq, softirq, steal. */
export function busyNanos(stat: string): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (/^cpu +(.*)$/m.exec(stat)?.[1] ?? '').split(' ').map(Number)
  return (user + nice + system + irq + softirq + steal) * nanosPerTick
}

/** A line of `/proc/meminfo`, in bytes; 0 where it is missing. */
export const meminfo = (text: string, name: string): number => Number(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0) * 1024

/** A line of `/proc/vmstat`. */
export const vmstat = (text: string, name: string): number => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0)
