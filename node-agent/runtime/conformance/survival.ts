/** Agent and engine die, and what is somebody else's stays. */
import { expect, test } from 'vitest'
import { never, untilReady, type World } from './world.ts'

export function survival({ fixture, rt, spec, pod, ended, logOf, succeeds }: World): void {
  test('a new driver adopts everything, and learns what ended meanwhile', async () => {
    if (!fixture().restartAgent) throw new Error('an engine\'s fixture offers restartAgent')
    await pod({}, async (s) => {
      const wanted = spec({ name: 'lives', command: ['sh', '-c', 'echo hello; sleep 1000'] })
      const lives = await rt().startContainer(s.id, wanted, never)
      const done = await rt().startContainer(s.id, spec({ name: 'done', command: ['sh', '-c', 'exit 3'] }), never)
      await ended(done.id)
      const dies = await rt().startContainer(s.id, spec({ name: 'dies', command: ['sh', '-c', 'trap "exit 9" TERM; touch /ready; while :; do sleep 0.05; done'] }), never)
      await succeeds(dies.id, untilReady)
      const killed = fixture().restartAgent!()
      process.kill(dies.pid!, 'SIGTERM')
      await killed
      const { sandboxes, containers } = await rt().list()
      expect(sandboxes.find((x) => x.id === s.id)).toEqual(s)
      expect(containers.find((c) => c.id === lives.id)).toMatchObject({ state: 'running', pid: lives.pid, podUid: s.podUid, name: 'lives', image: 'as/it:asked' })
      expect(containers.find((c) => c.id === done.id)).toMatchObject({ state: 'exited', exitCode: 3 })
      expect(await ended(dies.id)).toMatchObject({ exitCode: 9 })
      expect((await logOf(lives, wanted.logPath)).map((l) => l.line.toString())).toEqual(['hello\n'])
      expect((await rt().startContainer(s.id, wanted, never)).id).toBe(lives.id)
    })
  })

  test('the engine crashes under a running container, which does not notice', async () => {
    if (!fixture().restartEngine) throw new Error('an engine\'s fixture offers restartEngine')
    await pod({}, async (s) => {
      const c = await rt().startContainer(s.id, spec(), never)
      const stop = new AbortController()
      const events = rt().events(stop.signal)[Symbol.asyncIterator]()
      await fixture().restartEngine!()
      for (;;) if ((await events.next()).value?.type === 'resync') break
      stop.abort()
      expect(await rt().inspect(c.id)).toMatchObject({ state: 'running', pid: c.pid })
      const d = await rt().startContainer(s.id, spec({ name: 'after', command: ['sh', '-c', 'exit 6'] }), never)
      expect((await ended(d.id)).exitCode).toBe(6)
      await rt().stopContainer(c.id, 0)
      expect((await rt().inspect(c.id))?.exitCode).toBe(137)
    })
  })

  test('somebody else\'s container is neither seen nor touched', async () => {
    if (!fixture().foreign) throw new Error('an engine\'s fixture offers foreign')
    await fixture().foreign!.make()
    try {
      await fixture().restartAgent!()
      await pod({}, async (s) => { await rt().startContainer(s.id, spec(), never) })
      const { sandboxes, containers } = await rt().list()
      expect([sandboxes, containers]).toEqual([[], []])
      expect(await fixture().foreign!.runs()).toBe(true)
    } finally { await fixture().foreign!.remove() }
  })
}
