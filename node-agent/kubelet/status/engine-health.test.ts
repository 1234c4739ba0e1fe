import { afterEach, expect, it } from 'vitest'
import { makePod, makeWorld, type World } from '../harness.ts'

let world: World
afterEach(() => world.close())
/** Events reach the kubelet in a turn of their own. */
const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })
const ready = () => world.sink.node?.conditions?.find((c) => c.type === 'Ready')

it('the node is not Ready while its engine is away, which a restart of the engine is too short for', async () => {
  world = await makeWorld()
  world.desired.put('Pod', makePod('web'))
  await world.until('ready', () => world.sink.isReady('web'))
  expect(ready()).toMatchObject({ status: 'True', reason: 'KubeletReady' })

  world.runtime.engineDown()
  await turn()
  await world.clock.advance(5000)
  world.runtime.engineUp()
  await turn()
  await world.clock.advance(10_000)
  expect(ready()?.status).toBe('True')

  world.runtime.engineDown()
  await turn()
  await world.clock.advance(4000)
  world.runtime.engineDown()
  await turn()
  await world.clock.advance(4000)
  await world.until('told', () => ready()?.status === 'False')
  expect(ready()).toMatchObject({ reason: 'KubeletNotReady', message: 'container runtime is down' })
  world.runtime.engineUp()
  await world.until('told again', () => ready()?.status === 'True')
  expect(world.sink.isReady('web')).toBe(true)
})
