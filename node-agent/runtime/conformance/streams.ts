/** Logs, programs run in a container, terminals. */
import { expect, test } from 'vitest'
import type { LogLine } from '../runtime.ts'
import { never, type World } from './world.ts'

export function logs({ rt, spec, pod, ended, logOf, succeeds }: World): void {
  test('a log: order, times, tail, since, the last line without its end', async () => {
    await pod({}, async (s) => {
      const wanted = spec({ command: ['sh', '-c', 'seq 1 20000; until [ -e /go ]; do sleep 0.05; done; echo late; printf end'] })
      const c = await rt().startContainer(s.id, wanted, never)
      const followed: LogLine[] = []
      for await (const line of rt().logs(c.id, wanted.logPath, { follow: true, tailLines: undefined, since: undefined }, never)) {
        followed.push(line)
        // A line's time is when the engine took it: what comes later is said only after the last of these was taken.
        if (line.line.toString() === '20000\n') await succeeds(c.id, ['touch', '/go'])
      }
      expect(followed.map((l) => l.line.toString())).toEqual([...Array.from({ length: 20000 }, (_, i) => `${i + 1}\n`), 'late\n', 'end'])
      const times = followed.map((l) => l.time)
      expect(times).toEqual([...times].sort())
      expect(times[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/)
      await ended(c.id)
      expect((await logOf(c, wanted.logPath, { tailLines: 3 })).map((l) => l.line.toString())).toEqual(['20000\n', 'late\n', 'end'])
      expect(await logOf(c, wanted.logPath, { tailLines: 0 })).toEqual([])
      expect(await logOf(c, wanted.logPath)).toHaveLength(20002)
      const late = Date.parse(times.at(-2)!)
      expect((await logOf(c, wanted.logPath, { since: late })).map((l) => l.line.toString())).toEqual(['late\n', 'end'])
    })
  })

  test('of a container that has ended the log is whole as soon as its end is told', async () => {
    await pod({}, async (s) => {
      for (let attempt = 0; attempt < 5; attempt++) {
        const wanted = spec({ attempt, command: ['sh', '-c', 'seq 1 50000; exit 1'] })
        const c = await rt().startContainer(s.id, wanted, never)
        await ended(c.id)
        expect((await logOf(c, wanted.logPath, { tailLines: 1 })).map((l) => l.line.toString())).toEqual(['50000\n'])
      }
    })
  })

  test('following ends when the reader leaves', async () => {
    await pod({}, async (s) => {
      const wanted = spec({ command: ['sh', '-c', 'echo one; sleep 1000'] })
      const c = await rt().startContainer(s.id, wanted, never)
      const stop = new AbortController()
      const lines: string[] = []
      for await (const line of rt().logs(c.id, wanted.logPath, { follow: true, tailLines: undefined, since: undefined }, stop.signal)) { lines.push(line.line.toString()); stop.abort() }
      expect(lines).toEqual(['one\n'])
    })
  })
}

export function execs({ rt, spec, pod }: World): void {
  test('a program in a container: output apart, exit code, limits, time out', async () => {
    await pod({}, async (s) => {
      const c = await rt().startContainer(s.id, spec({ env: [{ name: 'FROM', value: 'spec' }] }), never)
      const r = await rt().execSync(c.id, ['sh', '-c', 'echo "out $FROM $0"; echo err >&2; exit 3', '$(x) y'], 30_000, 1000)
      expect({ ...r, stdout: r.stdout.toString(), stderr: r.stderr.toString() }).toEqual({ exitCode: 3, stdout: 'out spec $(x) y\n', stderr: 'err\n', timedOut: false })
      expect((await rt().execSync(c.id, ['sh', '-c', 'yes | head -c 100000'], 30_000, 10)).stdout).toHaveLength(10)
      expect(await rt().execSync(c.id, ['/none'], 30_000, 1000)).toMatchObject({ exitCode: expect.toSatisfy((n: number) => n === 126 || n === 127), timedOut: false })
      expect(await rt().execSync(c.id, ['sleep', '77'], 300, 1000)).toMatchObject({ timedOut: true })
      expect((await rt().execSync(c.id, ['ps', '-o', 'args'], 30_000, 10_000)).stdout.toString()).not.toContain('sleep 77')
      await expect(rt().execSync('nothing', ['true'], 1000, 10)).rejects.toMatchObject({ code: 'not-found' })
    })
  })

  test('a session with stdin', async () => {
    await pod({}, async (s) => {
      const c = await rt().startContainer(s.id, spec(), never)
      const session = await rt().exec(c.id, { argv: ['sh', '-c', 'cat; echo done >&2; exit 4'], stdin: true, tty: false })
      session.stdin!.end('hello')
      const read = async (stream: NodeJS.ReadableStream): Promise<string> => { let text = ''; for await (const chunk of stream) text += String(chunk); return text }
      const [out, err, code] = await Promise.all([read(session.stdout), read(session.stderr!), session.exit])
      expect([out, err, code]).toEqual(['hello', 'done\n', 4])
    })
  })

  test('a session with a terminal that is resized', async () => {
    await pod({}, async (s) => {
      const c = await rt().startContainer(s.id, spec(), never)
      const session = await rt().exec(c.id, { argv: ['sh', '-c', 'trap "stty size; exit 5" WINCH; tty; echo ready; while :; do sleep 0.05; done'], stdin: true, tty: true })
      let text = ''
      for await (const chunk of session.stdout) {
        text += String(chunk)
        if (text.includes('ready')) session.resize(99, 33)
      }
      expect(await session.exit).toBe(5)
      // Twice where the program speaks before the engine's client has prepared its terminal, never bare.
      expect(text).toMatch(/\/dev\/pts\/\d+\r+\n/)
      expect(text).toMatch(/33 99\r+\n/)
    })
  })

  test('a terminal ends lines while the program is in cooked mode, and passes raw mode through', async () => {
    await pod({}, async (s) => {
      const c = await rt().startContainer(s.id, spec(), never)
      const session = await rt().exec(c.id, { argv: ['sh', '-c', 'while :; do stty sane; printf "cooked\\n"; stty raw; printf "raw\\n"; sleep 0.05; done'], stdin: true, tty: true })
      let text = ''
      // The engine's client prepares its terminal while the program speaks already: until then ends of lines may come twice, and none is missing.
      for await (const chunk of session.stdout) {
        text += String(chunk)
        if (/raw\ncooked\r\n/.test(text)) session.kill()
      }
      expect(text).not.toMatch(/cooked\n/)
      expect(text).toMatch(/raw\ncooked\r\n/)
    })
  })
}
