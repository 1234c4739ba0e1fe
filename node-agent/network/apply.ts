/** Performs the plans of the pod network with `ip`. Nothing here decides. */
import { createHash } from 'node:crypto'
import { ExecError } from '../../shared/host/exec.ts'
import { runOkWith, type Exec } from '../../shared/host/iptables.ts'
import type { BridgeFacts, RouteFacts } from './plan.ts'

/** Host side of a pod's interface: 13 characters (the kernel allows 15), stable, distinct for each bridge. */
export const vethOf = (bridge: string, uid: string): string => `bv${createHash('sha256').update(`${bridge}/${uid}`).digest('hex').slice(0, 11)}`

/** Stops at the first command that fails; those before it have taken effect. */
export async function ipBatch(exec: Exec, commands: readonly string[], options: { netns?: string; signal?: AbortSignal } = {}): Promise<void> {
  const argv = [...(options.netns === undefined ? [] : ['nsenter', `--net=${options.netns}`]), 'ip', '-batch', '-']
  await runOkWith(exec, argv, { input: `${commands.join('\n')}\n`, ...(options.signal ? { signal: options.signal } : {}) })
}

/** Runs all commands whatever fails; answers the message of each one that failed, by its index. */
export async function ipBatchAll(exec: Exec, commands: readonly string[]): Promise<Map<number, string>> {
  const failed = new Map<number, string>()
  if (commands.length === 0) return failed
  const argv = ['ip', '-force', '-batch', '-']
  const result = await exec(argv, { input: `${commands.join('\n')}\n` })
  if (result.exitCode === 0) return failed
  let message: string[] = []
  for (const line of result.stderr.toString().split('\n')) {
    const at = /^Command failed .*:(\d+)$/.exec(line)
    if (at) {
      failed.set(Number(at[1]) - 1, message.join(' '))
      message = []
    } else if (line) message.push(line)
  }
  if (failed.size === 0) throw new ExecError(argv, result)
  return failed
}

/** Whether `ip` said that an interface is not there. */
export const isNoDevice = (e: unknown): boolean => e instanceof ExecError && /Cannot find device|does not exist|No such device/.test(e.result.stderr.toString())
/** Whether `ip` said that an interface is there already. */
export const isExisting = (e: unknown): boolean => e instanceof ExecError && /File exists/.test(e.result.stderr.toString())

interface AddrJson { ifname?: string; mtu?: number; linkinfo?: { info_kind?: string }; addr_info?: { family: string; local: string; prefixlen: number }[] }

const json = <T>(text: string): T[] => (text.trim() === '' ? [] : (JSON.parse(text) as T[]).filter((entry) => Object.keys(entry as object).length > 0))

async function show(exec: Exec, args: readonly string[], netns?: string): Promise<AddrJson[]> {
  try {
    return json<AddrJson>(await runOkWith(exec, [...(netns === undefined ? [] : ['nsenter', `--net=${netns}`]), 'ip', '-json', ...args]))
  } catch (e) {
    if (isNoDevice(e)) return []
    throw e
  }
}

export async function bridgeFacts(exec: Exec, bridge: string): Promise<BridgeFacts | undefined> {
  const [link] = await show(exec, ['-details', 'addr', 'show', 'dev', bridge])
  if (!link) return undefined
  const addresses = (link.addr_info ?? []).filter((a) => a.family === 'inet').map((a) => `${a.local}/${a.prefixlen}`)
  return { isBridge: link.linkinfo?.info_kind === 'bridge', addresses }
}

/** IPv4 addresses of eth0 within a namespace. */
export async function podAddresses(exec: Exec, netns: string): Promise<string[]> {
  const [link] = await show(exec, ['addr', 'show', 'dev', 'eth0'], netns)
  return (link?.addr_info ?? []).filter((a) => a.family === 'inet').map((a) => a.local)
}

/** Names of the interfaces on the bridge. */
export const portsOf = async (exec: Exec, bridge: string): Promise<string[]> =>
  (await show(exec, ['link', 'show', 'master', bridge])).flatMap((link) => (link.ifname === undefined ? [] : [link.ifname]))

/** MTU of the interface that the default route leaves by; 1500 without one. */
export async function uplinkMtu(exec: Exec): Promise<number> {
  const [route] = json<{ dev?: string }>(await runOkWith(exec, ['ip', '-json', 'route', 'show', 'default']))
  if (route?.dev === undefined) return 1500
  const [link] = await show(exec, ['link', 'show', 'dev', route.dev])
  return link?.mtu ?? 1500
}

/** Routes that carry our protocol number. */
export async function routesOf(exec: Exec, protocol: number): Promise<RouteFacts[]> {
  const routes = json<{ dst?: string; gateway?: string }>(await runOkWith(exec, ['ip', '-json', 'route', 'show', 'proto', String(protocol)]))
  return routes.flatMap((r) => (r.dst === undefined ? [] : [{ podCIDR: r.dst.includes('/') ? r.dst : `${r.dst}/32`, via: r.gateway ?? '' }]))
}
