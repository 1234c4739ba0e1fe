import { afterEach, describe, expect, it } from 'vitest'
import type { Pod } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { systemClock } from '../../../shared/host/clock.ts'
import { silentLog } from '../../../shared/host/log.ts'
import { makePod, makeWorld, type World } from '../harness.ts'
import { deviceClasses } from './classes.ts'
import { createDevices, type DeviceDeps } from './devices.ts'

let world: World
afterEach(() => world.close())

/** A machine with one pin. */
const device: Pick<DeviceDeps, 'files' | 'node' | 'watch'> = {
  files: {
    list: async (path) => (path === '/dev' ? ['pin'] : []), stat: async (path) => (path === '/dev' ? { kind: 'directory', size: 0, mode: 0o755, uid: 0, gid: 0 } : undefined), read: async () => undefined,
    readLink: async () => undefined, realPath: async (path) => path,
  },
  node: async () => ({ type: 'c', major: 1, minor: 1, mode: 0o660, gid: 4 }), watch: () => ({ follow: async () => false, [Symbol.dispose]: () => undefined }),
}

describe('a device', () => {
  const withDevice = (name: string): Stored<Pod> => makePod(name, { restartPolicy: 'Never', containers: [{ name: 'main', image: 'busybox:1', resources: { limits: { 'bramble.dev/pin': '1' } } }] })

  it('is free before anybody hears that its pod has ended', async () => {
    const held: string[] = []
    let seen = ''
    const devices = createDevices({
      ...device, clock: systemClock, log: silentLog, classes: deviceClasses(['pin=/dev/pin'], []),
      store: { all: async () => [], put: async (rows) => { held.push(...rows.map((r) => r.uid)) }, remove: async (uids) => { seen = world.sink.status('first')?.phase ?? ''; for (const uid of uids) held.splice(0, held.length, ...held.filter((h) => h !== uid)) } },
    })
    world = await makeWorld({ devices })
    world.runtime.script('main', { runFor: 1000, exitCode: 0 })
    expect(world.sink.node?.allocatable?.['bramble.dev/pin']).toBe('1')
    world.desired.put('Pod', withDevice('first'))
    await world.until('running', () => world.sink.container('first')?.state?.running)
    world.desired.put('Pod', withDevice('second'))
    await world.until('refused', () => world.sink.status('second')?.reason === 'UnexpectedAdmissionError')
    await world.clock.advance(1000)
    await world.until('ended', () => world.sink.status('first')?.phase === 'Succeeded')
    expect([held, seen]).toEqual([[], 'Running'])
  })
})
