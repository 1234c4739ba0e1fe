/** Devices of the node in a container: a loop device stands for a disk or a bus, a pseudo-terminal for a serial line. */
import { mkdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Pod } from '../../../shared/api/core-v1.ts'
import { runOk, start } from '../../../shared/host/exec.ts'
import { linkTarget, readText } from '../../../shared/host/tree.ts'
import { withPty } from '../../../node-agent/runtime/pty.ts'
import type { Kubectl } from '../../testbed/kubectl.ts'
import { eventually, forever, podOf, refused, story, waiting, type Row, type World } from '../row.ts'

/** Where the tests plug in. Not below the cluster's own folder, whose name is known too late for a flag. */
export const socketOf = (runtime: World['runtime']): string => `/run/bramble-test-${process.pid}-${runtime}`
export const deviceFlags = (runtime: World['runtime']): string[] => ['--device', `disk=${socketOf(runtime)}/disk*`, '--device', `lost=${socketOf(runtime)}/lost0`, '--device', `line=${socketOf(runtime)}/line*`, '--device', `bus=${socketOf(runtime)}/bus*,shared=2`]

/** A loop device over a small file, under `name`; its contents begin with `text`. */
export class Loop {
  readonly #path: string
  readonly #image: string
  #device = ''
  constructor(folder: string, name: string) { this.#path = join(folder, name); this.#image = join(folder, `image-${name}`) }

  async plug(text = '', mode = 0o600): Promise<void> {
    await mkdir(join(this.#path, '..'), { recursive: true })
    await rm(this.#path, { force: true })
    await writeFile(this.#image, Buffer.concat([Buffer.from(text), Buffer.alloc((1 << 20) - text.length)]))
    this.#device = (await runOk(['losetup', '--find', '--show', this.#image])).toString().trim()
    const { rdev } = await stat(this.#device)
    await runOk(['mknod', '-m', mode.toString(8), this.#path, 'b', String(rdev >> 8), String(rdev & 0xff)])
  }
  chown(group: number): Promise<unknown> { return runOk(['chgrp', String(group), this.#path]) }
  /** The same node again: a plug that only wobbled. */
  async unplug(): Promise<void> {
    await rm(this.#path, { force: true })
    if (this.#device !== '') await runOk(['losetup', '--detach', this.#device])
    this.#device = ''
    await rm(this.#image, { force: true })
  }
}

const limits = (names: Readonly<Record<string, number>>): object => ({ limits: Object.fromEntries(Object.entries(names).map(([k, v]) => [`bramble.dev/${k}`, String(v)])) })
export const deviceCondition = async (kubectl: Kubectl, pod: string): Promise<string> => (await kubectl.said(['get', 'pod', pod, '-o', 'jsonpath={range .status.conditions[?(@.type=="bramble.dev/DevicesReady")]}{.status} {.reason}: {.message}{end}'])).out.trim()
export const allocatable = async (kubectl: Kubectl, name: string): Promise<string> => (await kubectl.said(['get', 'node', 'pi-1', '-o', `jsonpath={.status.allocatable.bramble\\.dev/${name}}`])).out
const offered = (kubectl: Kubectl, name: string, count: string): Promise<unknown> => eventually(`${name} is offered ${count} times`, async () => (await allocatable(kubectl, name)) === count)
const inside = (kubectl: Kubectl, pod: string, script: string): Promise<string> => kubectl.run(['exec', pod, '--', 'sh', '-c', script]).then((text) => text.trim())
async function ready(kubectl: Kubectl, pod: string): Promise<void> {
  const { code, err } = await kubectl.said(`wait --for=condition=Ready pod/${pod} ${waiting}`)
  if (code !== 0) throw new Error(`${err}\n${(await kubectl.said(`describe pod ${pod}`)).out}\n${(await kubectl.said('describe node pi-1')).out}`)
}
const gone = (kubectl: Kubectl, ...pods: string[]): Promise<unknown> => kubectl.run(`delete pod ${pods.join(' ')}`)
const must = (what: string, actual: string, expected: string): void => { if (actual !== expected) throw new Error(`${what}: ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`) }

/** With a grace, though it ends at once: without, the object is gone before the device is free. */
export const devicePod = (id: string, resources: object, parts: Parameters<typeof podOf>[1] = {}): Pod => podOf(id, { ...parts, spec: { restartPolicy: 'Always', terminationGracePeriodSeconds: 5, ...parts.spec }, container: { command: forever, resources, ...parts.container } })
const L = 'spec.containers[].resources.limits'

async function exclusive({ kubectl, runtime }: World): Promise<void> {
  const folder = socketOf(runtime)
  const loop = new Loop(folder, 'disk-a')
  await loop.plug('from-the-node')
  try {
    await offered(kubectl, 'disk-a', '1')
    await offered(kubectl, 'disk', '1')
    const { rdev } = await stat(join(folder, 'disk-a'))
    const bystander = { name: 'bystander', image: podOf('x').spec?.containers[0]?.image ?? '', command: forever }
    await kubectl.apply(devicePod('device-one', limits({ disk: 1 }), { spec: { containers: [bystander] } }))
    await ready(kubectl, 'device-one')
    must('read', await inside(kubectl, 'device-one', 'head -c 13 $BRAMBLE_DEVICE_DISK'), 'from-the-node')
    await inside(kubectl, 'device-one', 'printf from-inside > $BRAMBLE_DEVICE_DISK; sync')
    must('written', (await runOk(['head', '-c', '11', join(folder, 'disk-a')])).toString(), 'from-inside')
    const other = await kubectl.said(['exec', 'device-one', '-c', 'bystander', '--', 'sh', '-c', `mknod /tmp/d b ${rdev >> 8} ${rdev & 0xff} && head -c 1 /tmp/d`])
    if (!/Operation not permitted/.test(other.err + other.out)) throw new Error(`the other container opened it: ${other.out} ${other.err}`)
    must('what is left under its own name', await allocatable(kubectl, 'disk-a'), '0')
    await kubectl.apply(devicePod('device-two', limits({ disk: 1 })))
    await eventually('the second waits', async () => (await kubectl.said('describe pod device-two')).out.includes('Insufficient bramble.dev/disk'))
    await gone(kubectl, 'device-one')
    await ready(kubectl, 'device-two')
  } finally {
    await gone(kubectl, 'device-two', 'device-one', '--ignore-not-found')
    await loop.unplug()
  }
}

async function unplugged({ kubectl, runtime }: World): Promise<void> {
  const loop = new Loop(socketOf(runtime), 'lost0')
  await loop.plug('first')
  try {
    await offered(kubectl, 'lost', '1')
    await kubectl.apply(devicePod('device-lost', limits({ 'lost': 1 })))
    await ready(kubectl, 'device-lost')
    must('the condition', await deviceCondition(kubectl, 'device-lost'), 'True DevicesPresent:')
    await loop.unplug()
    await eventually('the condition says so', async () => (await deviceCondition(kubectl, 'device-lost')) === 'False DeviceUnplugged: bramble.dev/lost of container m is unplugged')
    await eventually('and an Event', async () => /Warning\s+DeviceUnplugged\s.*bramble\.dev\/lost of container m is unplugged/.test((await kubectl.said('describe pod device-lost')).out))
    await offered(kubectl, 'lost', '0')
    await loop.plug('second')
    await eventually('it is there again', async () => (await deviceCondition(kubectl, 'device-lost')) === 'True DevicesPresent:')
    await eventually('with what is plugged in now', async () => (await kubectl.said(['exec', 'device-lost', '--', 'sh', '-c', 'head -c 6 $BRAMBLE_DEVICE_LOST'])).out === 'second')
  } finally {
    await gone(kubectl, 'device-lost', '--ignore-not-found')
    await loop.unplug()
  }
}

async function sharedByGroup({ kubectl, runtime }: World): Promise<void> {
  const loop = new Loop(socketOf(runtime), 'bus0')
  await loop.plug('for-the-group', 0o660)
  await loop.chown(4321)
  try {
    await offered(kubectl, 'bus', '2')
    const user = { spec: { securityContext: { runAsUser: 1000, runAsNonRoot: true } } }
    await kubectl.apply([devicePod('device-user-1', limits({ bus0: 1 }), user), devicePod('device-user-2', limits({ bus: 1 }), user)])
    for (const pod of ['device-user-1', 'device-user-2']) {
      await ready(kubectl, pod)
      must('read by a user', await inside(kubectl, pod, `id -u; head -c 13 ${socketOf(runtime)}/bus0`), '1000\nfor-the-group')
    }
  } finally {
    await gone(kubectl, 'device-user-1', 'device-user-2', '--ignore-not-found')
    await loop.unplug()
  }
}

async function terminal({ kubectl, runtime }: World): Promise<void> {
  const link = join(socketOf(runtime), 'line0')
  await mkdir(socketOf(runtime), { recursive: true })
  const far = start(withPty(['sleep', '1000']), { stdio: ['pipe', 'pipe', 'ignore'] })
  let heard = ''
  far.stdout?.on('data', (chunk: Buffer) => { heard += chunk.toString() })
  try {
    const pts = await eventually('the terminal', async () => {
      const child = (await readText(`/proc/${far.pid}/task/${far.pid}/children`))?.trim()
      const path = child ? await linkTarget(`/proc/${child}/fd/0`) : undefined
      return path?.startsWith('/dev/pts/') ? path : undefined
    })
    await symlink(pts, link)
    await offered(kubectl, 'line0', '1')
    await kubectl.apply(devicePod('device-line', limits({ line: 1 })))
    await ready(kubectl, 'device-line')
    await inside(kubectl, 'device-line', 'echo hello-from-inside > $BRAMBLE_DEVICE_LINE')
    await eventually('the other end hears it', async () => heard.includes('hello-from-inside'))
  } finally {
    await gone(kubectl, 'device-line', '--ignore-not-found')
    await rm(link, { force: true })
    const ended = new Promise((resolve) => far.once('exit', resolve))
    far.kill('SIGTERM')
    await ended
  }
}

export const deviceRows: readonly Row[] = [
  story({ id: 'device', fields: [L], says: 'bramble.dev/NAME gives a device of the node, without any privilege, to this container alone: another of the same pod cannot open it, and a second pod waits', tell: exclusive }),
  story({ id: 'device-unplugged', fields: [L], says: 'a device that is unplugged turns into the condition bramble.dev/DevicesReady and an Event; plugged in again, the container has it again', tell: unplugged }),
  story({ id: 'device-shared', fields: [L], says: 'a shared device is given to several pods, also of a user that is not root', tell: sharedByGroup }),
  story({ id: 'device-line', fields: [L], says: 'a pseudo-terminal, as a serial line', tell: terminal }),
  refused({ id: 'device-unknown', fields: [L], says: 'a device that the node does not have is refused by the node', by: 'cluster', reason: 'UnexpectedAdmissionError', spec: { nodeName: 'pi-1' }, container: { resources: { limits: { 'bramble.dev/none-such': '1' } } }, message: /Allocate failed due to cannot allocate unregistered device bramble.dev\/none-such, which is unexpected/ }),
  refused({ id: 'device-half', fields: [L], says: 'and half of one by the API server', by: 'api', container: { resources: { limits: { 'bramble.dev/fuse': '500m' } } }, message: /must be an integer/ }),
]
