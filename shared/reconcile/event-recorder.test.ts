import { describe, expect, it } from 'vitest'
import { refs } from '../api/refs.ts'
import { createFakeApiSource } from '../client/fake-api-source.ts'
import { FakeClock } from '../host/fake-clock.ts'
import { silentLog } from '../host/log.ts'
import { systemRandom } from '../host/random.ts'
import { createEventRecorder } from './event-recorder.ts'

function world(hook?: () => void) {
  const clock = new FakeClock()
  const source = createFakeApiSource({ clock })
  const recorder = createEventRecorder({ client: source.client(hook), host: { clock, random: systemRandom, log: silentLog }, component: 'test-controller' })
  const pod = { metadata: { name: 'web', namespace: 'shop', uid: 'u1', resourceVersion: '7' } }
  return { clock, source, recorder, pod }
}

describe('event recorder', () => {
  it('writes the fields upstream writes', async () => {
    const { source, recorder, pod } = world()
    recorder.event(refs.Pod, pod, 'Normal', 'Started', 'Started container web', 'spec.containers{web}')
    await recorder.flush()
    expect(source.all(refs.Event)).toMatchObject([{
      metadata: { namespace: 'shop', name: expect.stringMatching(/^web\.[0-9a-f]{16}$/) },
      involvedObject: { kind: 'Pod', apiVersion: 'v1', name: 'web', namespace: 'shop', uid: 'u1', resourceVersion: '7', fieldPath: 'spec.containers{web}' },
      type: 'Normal', reason: 'Started', message: 'Started container web', count: 1, source: { component: 'test-controller' },
      firstTimestamp: '2026-01-01T00:00:00Z', lastTimestamp: '2026-01-01T00:00:00Z', reportingComponent: 'test-controller', reportingInstance: '',
    }])
  })

  it('counts the same event up, and starts anew with its count when it has expired', async () => {
    const { clock, source, recorder, pod } = world()
    for (let i = 0; i < 3; i++) { recorder.event(refs.Pod, pod, 'Warning', 'Failed', 'no'); await clock.advance(1000) }
    await recorder.flush()
    const [event] = source.all(refs.Event)
    expect(source.all(refs.Event)).toHaveLength(1)
    expect(event).toMatchObject({ count: 3, firstTimestamp: '2026-01-01T00:00:00Z', lastTimestamp: '2026-01-01T00:00:02Z' })
    source.remove(refs.Event, { namespace: 'shop', name: event!.metadata.name })
    recorder.event(refs.Pod, pod, 'Warning', 'Failed', 'no')
    await recorder.flush()
    expect(source.all(refs.Event)).toMatchObject([{ count: 4 }])
  })

  it('combines many alike and holds back a flood', async () => {
    const { source, recorder, pod } = world()
    for (let i = 0; i < 100; i++) recorder.event(refs.Pod, pod, 'Warning', 'Failed', `reason ${i}`)
    await recorder.flush()
    const events = source.all(refs.Event)
    expect(events).toHaveLength(11)
    expect(events.reduce((n, e) => n + (e.count ?? 0), 0)).toBe(25)
    expect(events.find((e) => e.message?.startsWith('(combined from similar events): '))?.count).toBe(15)
  })

  it('never fails its caller', async () => {
    const { source, recorder, pod } = world(() => { throw new Error('down') })
    recorder.event(refs.Pod, pod, 'Normal', 'A', 'a')
    await recorder.flush()
    expect(source.all(refs.Event)).toEqual([])
  })
})
