/** Which of its addresses a pod listens on at a port: what `/proc/<pid>/net/tcp` and `tcp6` say of the pod's network. Pure. */

/** `any`: reached from outside as well; `loopback4`, `loopback6`: from within the pod alone; undefined: nobody listens. */
export type Listening = 'any' | 'loopback4' | 'loopback6' | undefined

const listen = '0A'
const loopback4 = '0100007F'
const loopback6 = '00000000000000000000000001000000'
/** 127.0.0.1 written as IPv6: what a dual-stack socket bound to it shows. */
const mapped = '0000000000000000FFFF00000100007F'

export function listeningOn(port: number, tables: { readonly tcp: string; readonly tcp6: string }): Listening {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  const addresses = `${tables.tcp}\n${tables.tcp6}`.split('\n').map((line) => line.trim().split(/\s+/)).filter((f) => f[3] === listen && f[1]?.endsWith(`:${hex}`)).map((f) => (f[1] as string).split(':')[0] ?? '')
  const local = (a: string): boolean => a === loopback4 || a === mapped || a === loopback6
  if (addresses.some((a) => !local(a))) return 'any'
  if (addresses.some((a) => a === loopback4 || a === mapped)) return 'loopback4'
  return addresses.includes(loopback6) ? 'loopback6' : undefined
}
