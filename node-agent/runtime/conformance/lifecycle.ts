/** Pods and containers come, end and go; what cannot be made leaves nothing. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { RuntimeError, type RuntimeEvent } from '../runtime.ts'
import { never, sandboxSpec, untilReady, type World } from './world.ts'

export function lifecycle({ kind, fixture, rt, spec, pod, ended, succeeds }: World): void {
  test('a pod comes, runs a container, and goes without a trace', async () => {
    const s = await rt().runSandbox(sandboxSpec(), never)
    expect(s).toMatchObject({ state: 'ready', attempt: 0 })
    const c = await rt().startContainer(s.id, spec(), never)
    expect(c).toMatchObject({ sandboxId: s.id, podUid: s.podUid, name: 'main', state: 'running', exitCode: undefined, oomKilled: false, imageId: fixture().image, image: 'as/it:asked' })
    expect(c.startedAt).toBeGreaterThanOrEqual(c.createdAt - 1000)
    const listed = await rt().list()
    expect(listed.sandboxes.map((x) => x.id)).toContain(s.id)
    expect(listed.containers.find((x) => x.id === c.id)).toMatchObject({ state: 'running', pid: c.pid })
    await rt().removeSandbox(s.id)
    const after = await rt().list()
    expect([after.sandboxes.some((x) => x.id === s.id), after.containers.some((x) => x.id === c.id)]).toEqual([false, false])
    await rt().removeSandbox(s.id)
    await rt().removeContainer(c.id)
    await rt().stopContainer(c.id, 100)
  })

  test('asking twice gives the same sandbox and the same container', async () => {
    const wanted = sandboxSpec()
    const [a, b] = await Promise.all([rt().runSandbox(wanted, never), rt().runSandbox(wanted, never)])
    expect(b.id).toBe(a.id)
    const one = spec()
    const [c, d] = await Promise.all([rt().startContainer(a.id, one, never), rt().startContainer(a.id, one, never)])
    expect(d.id).toBe(c.id)
    expect((await rt().list()).containers.filter((x) => x.sandboxId === a.id)).toHaveLength(1)
    await rt().removeSandbox(a.id)
  })

  test('exit codes and times are told, by event and by inspection', () => pod({}, async (s) => {
    const stop = new AbortController()
    const seen: RuntimeEvent[] = []
    const reading = (async () => { for await (const e of rt().events(stop.signal)) seen.push(e) })()
    const c = await rt().startContainer(s.id, spec({ command: ['sh', '-c', 'exit 7'] }), never)
    const end = await ended(c.id)
    expect(end).toMatchObject({ state: 'exited', exitCode: 7, oomKilled: false, pid: undefined })
    expect(end.finishedAt! - end.startedAt!).toBeGreaterThanOrEqual(-50)
    await rt().removeContainer(c.id)
    stop.abort()
    await reading
    expect(seen).toContainEqual({ type: 'exited', containerId: c.id, podUid: s.podUid })
    expect(await rt().inspect(c.id)).toBeUndefined()
  }))

  test('one container restarts while its neighbour lives on', () => pod({}, async (s) => {
    const stays = await rt().startContainer(s.id, spec({ name: 'stays' }), never)
    for (let attempt = 0; attempt < 3; attempt++) {
      const c = await rt().startContainer(s.id, spec({ name: 'again', attempt, command: ['sh', '-c', `exit ${attempt}`] }), never)
      expect((await ended(c.id)).exitCode).toBe(attempt)
      await rt().removeContainer(c.id)
    }
    expect(await rt().inspect(stays.id)).toMatchObject({ state: 'running', pid: stays.pid })
  }))

  test('the only container of a pod restarts at once', () => pod({}, async (s) => {
    for (let attempt = 0; attempt < 4; attempt++) {
      const c = await rt().startContainer(s.id, spec({ attempt, command: ['sh', '-c', 'exit 1'] }), never)
      await ended(c.id)
    }
    expect((await rt().list()).containers.filter((c) => c.sandboxId === s.id).map((c) => c.attempt).sort()).toEqual([0, 1, 2, 3])
  }))

  test('stopping asks first and kills after the grace', () => pod({}, async (s) => {
    const polite = await rt().startContainer(s.id, spec({ name: 'polite', command: ['sh', '-c', 'trap "exit 42" TERM; touch /ready; while :; do sleep 0.05; done'] }), never)
    const deaf = await rt().startContainer(s.id, spec({ name: 'deaf', command: ['sh', '-c', 'trap "" TERM; while :; do sleep 0.05; done'] }), never)
    if (kind === 'engine') await succeeds(polite.id, untilReady)
    await Promise.all([rt().stopContainer(polite.id, 10_000), rt().stopContainer(deaf.id, 300)])
    expect((await rt().inspect(polite.id))?.exitCode).toBe(42)
    expect((await rt().inspect(deaf.id))?.exitCode).toBe(137)
  }))

  test('stopping a sandbox ends its containers and keeps them in the list', () => pod({}, async (s) => {
    const c = await rt().startContainer(s.id, spec(), never)
    await rt().stopSandbox(s.id)
    await rt().stopSandbox(s.id)
    const { sandboxes, containers } = await rt().list()
    expect(sandboxes.find((x) => x.id === s.id)).toMatchObject({ state: 'not-ready', netns: undefined })
    expect(containers.find((x) => x.id === c.id)).toMatchObject({ state: 'exited', exitCode: 137 })
  }))
}

export function failures({ kind, fixture, rt, spec, pod }: World): void {
  test('a command that is not there leaves an exited container with 127', () => pod({}, async (s) => {
    const wanted = spec({ command: ['/no/such/thing'] })
    await expect(rt().startContainer(s.id, wanted, never)).rejects.toMatchObject({ code: 'start-failed', exitCode: 127 })
    const left = (await rt().list()).containers.filter((c) => c.sandboxId === s.id)
    expect(left).toHaveLength(1)
    expect(left[0]).toMatchObject({ state: 'exited', exitCode: 127 })
    expect(left[0]!.message).toMatch(/no such|not found/)
  }))

  test('an image or a mount that is not there leaves nothing', () => pod({}, async (s) => {
    await expect(rt().startContainer(s.id, spec({ image: `sha256:${'0'.repeat(64)}` }), never)).rejects.toBeInstanceOf(RuntimeError)
    if (kind === 'engine') {
      const missing = spec({ mounts: [{ source: join(fixture().dir, 'nowhere'), target: '/x', readOnly: false, propagation: 'private' }] })
      await expect(rt().startContainer(s.id, missing, never)).rejects.toMatchObject({ code: 'create-failed' })
    }
    expect((await rt().list()).containers.filter((c) => c.sandboxId === s.id)).toEqual([])
  }))

  test('images by every name a pod may write', async () => {
    const image = await rt().image(fixture().image)
    expect(image).toMatchObject({ id: fixture().image, tags: ['bramble.test/busybox:1'] })
    expect((await rt().image('bramble.test/busybox:1'))?.id).toBe(fixture().image)
    expect(await rt().image('bramble.test/busybox:2')).toBeUndefined()
    await expect(rt().image('UPPER CASE')).rejects.toMatchObject({ code: 'invalid-image-name' })
    expect((await rt().images()).map((i) => i.id)).toContain(fixture().image)
  })
}
