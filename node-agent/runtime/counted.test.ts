import { expect, it } from 'vitest'
import { Metrics } from '../../shared/base/metrics.ts'
import { FakeClock } from '../../shared/host/fake-clock.ts'
import { readExposition } from '../../test/testbed/prometheus-text.ts'
import { countedRuntime } from './counted.ts'
import { FakeRuntime } from './fake.ts'

it('counts what the engine is asked and what it refuses, and changes nothing else', async () => {
  const clock = new FakeClock()
  const metrics = new Metrics()
  const runtime = countedRuntime(new FakeRuntime({ clock, images: ['busybox:1'] }), metrics, () => clock.monotonic())
  expect(runtime.name).toBe('containerd')
  expect(await runtime.image('busybox:1')).toMatchObject({ tags: ['docker.io/library/busybox:1'] })
  await expect(runtime.exec('none', { argv: ['x'], stdin: false, tty: false })).rejects.toThrow(/does not exist/)
  const found = readExposition(metrics.render())
  const value = (name: string, type: string): number | undefined => found.get(name)?.lines.find((l) => l.labels.operation_type === type)?.value
  expect([value('kubelet_runtime_operations_total', 'image_status'), value('kubelet_runtime_operations_total', 'exec'), value('kubelet_runtime_operations_errors_total', 'exec'), value('kubelet_runtime_operations_errors_total', 'image_status')]).toEqual([1, 1, 1, 0])
  expect(found.get('kubelet_runtime_operations_duration_seconds')?.lines.find((l) => l.labels.operation_type === 'exec' && l.labels.le === '+Inf')?.value).toBe(1)
  await runtime.close()
})
