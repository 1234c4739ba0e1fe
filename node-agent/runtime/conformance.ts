/** What every {@link Runtime} promises, told as tests. Run over each implementation by `conformance.int.test.ts`. */
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RuntimeError, type Container, type ContainerSpec, type LogLine, type LogOptions, type Runtime, type RuntimeEvent, type Sandbox, type SandboxSpec } from './runtime.ts'

export interface Fixture {
  readonly runtime: () => Runtime
  /** A folder of the test's. */
  readonly dir: string
  /** Id of the busybox test image, present. */
  readonly image: string
  /** The driver object dies without closing and a new one takes over, as after kill -9 of the agent. */
  restartAgent?(): Promise<void>
  /** The engine is killed and started again under running containers. */
  restartEngine?(): Promise<void>
  /** A container of somebody else's on the same engine: made, and whether it still runs. */
  foreign?: { make(): Promise<void>; runs(): Promise<boolean>; remove(): Promise<void> }
  stop(): Promise<void>
}

const never = new AbortController().signal
let serial = 0

export function sandboxSpec(over: Partial<SandboxSpec> = {}): SandboxSpec {
  const n = ++serial
  return {
    podUid: `00000000-0000-4000-8000-${String(process.pid).padStart(6, '0')}${String(n).padStart(6, '0')}`, podName: `pod-${n}`, podNamespace: 'default', attempt: 0, hostname: `pod-${n}`, hostNetwork: false, hostPID: false, hostIPC: false,
    shareProcessNamespace: false, sysctls: {}, cgroupParent: `/bramble-test-${process.pid}/pod${n}`, ...over,
  }
}

/** `kind`: what is observed from inside a container, or of its log's bytes, is asked of engines only; a fake has no inside. */
export function runtimeConformance(name: string, kind: 'engine' | 'fake', make: () => Promise<Fixture>): void {
  describe(name, () => {
    let f: Fixture
    beforeAll(async () => { f = await make() })
    afterAll(async () => { await f?.stop() })
    const rt = (): Runtime => f.runtime()
    const spec = (over: Partial<ContainerSpec> = {}): ContainerSpec => ({
      name: 'main', attempt: 0, image: f.image, imageName: 'as/it:asked', command: ['sleep', '1000'], args: undefined, workingDir: undefined, env: [], mounts: [], devices: [], resources: {}, oomScoreAdj: 0, stdin: false, stdinOnce: false, tty: false,
      logPath: join(f.dir, `log-${++serial}`),
      security: { supplementalGroups: [], privileged: false, readOnlyRootfs: false, noNewPrivileges: false, addCapabilities: [], dropCapabilities: [], seccomp: { type: 'unconfined' } }, ...over,
    })
    const pod = async <T>(over: Partial<SandboxSpec>, work: (s: Sandbox) => Promise<T>): Promise<T> => {
      const s = await rt().runSandbox(sandboxSpec(over), never)
      try { return await work(s) } finally { await rt().removeSandbox(s.id) }
    }
    const ended = async (id: string): Promise<Container> => {
      const stop = new AbortController()
      try {
        const events = rt().events(stop.signal)[Symbol.asyncIterator]()
        for (;;) {
          const c = await rt().inspect(id)
          if (c?.state === 'exited') return c
          await events.next()
        }
      } finally { stop.abort() }
    }
    const logOf = async (c: Container, logPath: string, options: Partial<LogOptions> = {}): Promise<LogLine[]> => {
      const lines: LogLine[] = []
      for await (const line of rt().logs(c.id, logPath, { follow: false, tailLines: undefined, since: undefined, ...options }, never)) lines.push(line)
      return lines
    }
    const outputOf = async (s: Sandbox, over: Partial<ContainerSpec>): Promise<{ c: Container; text: string }> => {
      const wanted = spec({ name: `c${++serial}`, ...over })
      const started = await rt().startContainer(s.id, wanted, never)
      const lines = await logOf(started, wanted.logPath, { follow: true })
      return { c: await ended(started.id), text: Buffer.concat(lines.map((l) => l.line)).toString() }
    }

    lifecycle()
    failures()
    test('an engine that tells its version', async () => { expect((await rt().version()).length).toBeGreaterThan(0) })
    if (kind === 'engine') describe('seen from inside', () => { inside(); logs(); execs(); survival() })

    function lifecycle(): void {
      test('a pod comes, runs a container, and goes without a trace', async () => {
        const s = await rt().runSandbox(sandboxSpec(), never)
        expect(s).toMatchObject({ state: 'ready', attempt: 0 })
        const c = await rt().startContainer(s.id, spec(), never)
        expect(c).toMatchObject({ sandboxId: s.id, podUid: s.podUid, name: 'main', state: 'running', exitCode: undefined, oomKilled: false, imageId: f.image, image: 'as/it:asked' })
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
        const polite = await rt().startContainer(s.id, spec({ name: 'polite', command: ['sh', '-c', 'trap "exit 42" TERM; while :; do sleep 0.05; done'] }), never)
        const deaf = await rt().startContainer(s.id, spec({ name: 'deaf', command: ['sh', '-c', 'trap "" TERM; while :; do sleep 0.05; done'] }), never)
        if (kind === 'engine') await rt().execSync(polite.id, ['true'], 5000, 100)
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

    function failures(): void {
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
          const missing = spec({ mounts: [{ source: join(f.dir, 'nowhere'), target: '/x', readOnly: false, propagation: 'private' }] })
          await expect(rt().startContainer(s.id, missing, never)).rejects.toMatchObject({ code: 'create-failed' })
        }
        expect((await rt().list()).containers.filter((c) => c.sandboxId === s.id)).toEqual([])
      }))

      test('images by every name a pod may write', async () => {
        const image = await rt().image(f.image)
        expect(image).toMatchObject({ id: f.image, tags: ['bramble.test/busybox:1'] })
        expect((await rt().image('bramble.test/busybox:1'))?.id).toBe(f.image)
        expect(await rt().image('bramble.test/busybox:2')).toBeUndefined()
        await expect(rt().image('UPPER CASE')).rejects.toMatchObject({ code: 'invalid-image-name' })
        expect((await rt().images()).map((i) => i.id)).toContain(f.image)
      })
    }

    function inside(): void {
      const hostile = ['a b', '$(touch /pwned)', '--flag', 'line\nbreak', 'ünï→🫐', '"quoted"', "it's", '\\back', '', '*', ';reboot', '`id`']
      test('arguments and environment arrive as they were written', async () => {
        await pod({}, async (s) => {
          const args = await outputOf(s, { command: ['sh', '-c', 'for a in "$@"; do printf "%s\\0" "$a"; done', 'x'], args: hostile })
          expect(args.text.split('\0').slice(0, -1)).toEqual(hostile)
          const env = hostile.map((value, i) => ({ name: `V${i}`, value }))
          const { text } = await outputOf(s, { command: ['sh', '-c', `for i in $(seq 0 ${hostile.length - 1}); do eval "printf '%s\\0' \\"\\$V$i\\""; done`], env: [{ name: 'V0', value: 'overridden' }, ...env] })
          expect(text.split('\0').slice(0, -1)).toEqual(hostile)
        })
      })

      test('hostname, shared network and IPC, own processes; read-only root; user and groups; resources', async () => {
        await pod({ hostname: 'my-host' }, async (s) => {
          const look = ['sh', '-c', 'hostname; readlink /proc/self/ns/net; readlink /proc/self/ns/ipc; echo $$; cat /etc/hostname']
          const [a, b] = [await outputOf(s, { command: look }), await outputOf(s, { command: look })].map((r) => r.text.trim().split('\n'))
          expect([a![0], a![4]]).toEqual(['my-host', 'my-host'])
          expect(a!.slice(0, 3)).toEqual(b!.slice(0, 3))
          expect([a![3], b![3]]).toEqual(['1', '1'])
          await outputOf(s, { command: ['sh', '-c', 'echo shared > /dev/shm/x'] })
          expect((await outputOf(s, { command: ['cat', '/dev/shm/x'] })).text).toBe('shared\n')
          const base = spec().security
          expect((await outputOf(s, { command: ['sh', '-c', 'echo x > /file || echo refused'], security: { ...base, readOnlyRootfs: true } })).text).toMatch(/refused/)
          expect((await outputOf(s, { command: ['sh', '-c', 'id -u; id -g; id -G'], security: { ...base, uid: 1000, supplementalGroups: [3000] } })).text.split('\n').slice(0, 3).map((l) => l.split(' ').sort().join(' ')))
            .toEqual(['1000', '1001', '1001 2000 3000'])
          const status = (await outputOf(s, { command: ['sh', '-c', 'grep -E "NoNewPrivs|CapEff" /proc/self/status'], security: { ...base, noNewPrivileges: true, dropCapabilities: ['ALL'], addCapabilities: ['NET_ADMIN'] } })).text
          expect(status).toMatch(/CapEff:\t0000000000001000\n/)
          expect(status).toMatch(/NoNewPrivs:\t1/)
          expect((await outputOf(s, { command: ['sh', '-c', 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null'], resources: { memoryBytes: 64 << 20, cpuShares: 102 } })).text.trim()).toBe(String(64 << 20))
        })
      })

      test('the runtime\'s seccomp profile lets a shell run and keeps it from mounting', async () => {
        const security = { ...spec().security, seccomp: { type: 'runtime-default' as const }, addCapabilities: ['SYS_PTRACE'] }
        await pod({}, async (s) => {
          expect((await outputOf(s, { command: ['sh', '-c', 'grep Seccomp: /proc/self/status; mount -t tmpfs x /tmp 2>&1 || true; ls / >/dev/null && echo fine'], security })).text).toMatch(/Seccomp:\t2\n(.|\n)*fine/)
        })
      })

      test('volumes: writable, read-only, and one inside another', async () => {
        const [outer, inner] = [join(f.dir, 'outer'), join(f.dir, 'inner')]
        await mkdir(outer, { recursive: true })
        await mkdir(inner, { recursive: true })
        await writeFile(join(inner, 'f'), 'inner')
        const mounts = [{ source: inner, target: '/data/sub', readOnly: true, propagation: 'private' as const }, { source: outer, target: '/data', readOnly: false, propagation: 'private' as const }]
        await pod({}, async (s) => {
          expect((await outputOf(s, { command: ['sh', '-c', 'cat /data/sub/f; echo out > /data/g; (echo no > /data/sub/f) 2>/dev/null || echo refused'], mounts })).text).toBe('innerrefused\n')
          expect(await readFile(join(outer, 'g'), 'utf8')).toBe('out\n')
        })
      })

      /**
       * A container that eats more memory than it may have, once its start is over: Docker watches its memory, and we set what goes with it, only from then on, and on
       * a busy machine all may be over by then.
       */
      const glutton = async (s: Sandbox, script: (eat: string) => string): Promise<{ c: Container; text: string }> => {
        const wanted = spec({ command: ['sh', '-c', `until [ -e /go ]; do sleep 0.05; done; ${script('awk \'BEGIN { x = "0123456789abcdef"; while (1) x = x x }\'')}`], resources: { memoryBytes: 32 << 20 } })
        const started = await rt().startContainer(s.id, wanted, never)
        await rt().execSync(started.id, ['touch', '/go'], 10_000, 1000)
        const lines = await logOf(started, wanted.logPath, { follow: true })
        return { c: await ended(started.id), text: Buffer.concat(lines.map((l) => l.line)).toString() }
      }

      test('a container over its memory limit is killed and says so', async () => {
        await pod({}, async (s) => { expect((await glutton(s, (eat) => `exec ${eat}`)).c).toMatchObject({ exitCode: 137, oomKilled: true }) })
      })

      test('a child that is killed for memory is not the end of its parent, but on version 2, where all of a container goes', async () => {
        await pod({}, async (s) => {
          const { c, text } = await glutton(s, (eat) => `${eat}; echo child $?`)
          if (existsSync('/sys/fs/cgroup/cgroup.controllers')) expect(c).toMatchObject({ exitCode: 137, oomKilled: true })
          else expect([c.exitCode, c.oomKilled, text]).toEqual([0, false, expect.stringContaining('child 137')])
        })
      })

      test('a negative OOM score is clamped where it may not be lowered', async () => {
        await pod({}, async (s) => { expect(Number((await outputOf(s, { command: ['cat', '/proc/self/oom_score_adj'], oomScoreAdj: -997 })).text)).toBeLessThanOrEqual(0) })
      })

      test('a container with a terminal', async () => {
        await pod({}, async (s) => { expect((await outputOf(s, { command: ['sh', '-c', 'tty; sleep 0.2'], tty: true })).text).toMatch(/\/dev\/(pts\/0|console)/) })
      })
    }

    function logs(): void {
      test('a log: order, times, tail, since, the last line without its end', async () => {
        await pod({}, async (s) => {
          const wanted = spec({ command: ['sh', '-c', 'seq 1 20000; until [ -e /go ]; do sleep 0.05; done; echo late; printf end'] })
          const c = await rt().startContainer(s.id, wanted, never)
          const followed: LogLine[] = []
          for await (const line of rt().logs(c.id, wanted.logPath, { follow: true, tailLines: undefined, since: undefined }, never)) {
            followed.push(line)
            // A line's time is when the engine took it: what comes later is said only after the last of these was taken.
            if (line.line.toString() === '20000\n') await rt().execSync(c.id, ['touch', '/go'], 10_000, 1000)
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

    function execs(): void {
      test('a program in a container: output apart, exit code, limits, time out', async () => {
        await pod({}, async (s) => {
          const c = await rt().startContainer(s.id, spec({ env: [{ name: 'FROM', value: 'spec' }] }), never)
          const r = await rt().execSync(c.id, ['sh', '-c', 'echo "out $FROM $0"; echo err >&2; exit 3', '$(x) y'], 5000, 1000)
          expect({ ...r, stdout: r.stdout.toString(), stderr: r.stderr.toString() }).toEqual({ exitCode: 3, stdout: 'out spec $(x) y\n', stderr: 'err\n', timedOut: false })
          expect((await rt().execSync(c.id, ['sh', '-c', 'yes | head -c 100000'], 5000, 10)).stdout).toHaveLength(10)
          expect(await rt().execSync(c.id, ['/none'], 5000, 1000)).toMatchObject({ exitCode: expect.toSatisfy((n: number) => n === 126 || n === 127), timedOut: false })
          expect(await rt().execSync(c.id, ['sleep', '77'], 300, 1000)).toMatchObject({ timedOut: true })
          expect((await rt().execSync(c.id, ['ps', '-o', 'args'], 5000, 10_000)).stdout.toString()).not.toContain('sleep 77')
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

    function survival(): void {
      test('a new driver adopts everything, and learns what ended meanwhile', async () => {
        if (!f.restartAgent) throw new Error('an engine\'s fixture offers restartAgent')
        await pod({}, async (s) => {
          const wanted = spec({ name: 'lives', command: ['sh', '-c', 'echo hello; sleep 1000'] })
          const lives = await rt().startContainer(s.id, wanted, never)
          const done = await rt().startContainer(s.id, spec({ name: 'done', command: ['sh', '-c', 'exit 3'] }), never)
          await ended(done.id)
          const dies = await rt().startContainer(s.id, spec({ name: 'dies', command: ['sh', '-c', 'trap "exit 9" TERM; while :; do sleep 0.05; done'] }), never)
          await rt().execSync(dies.id, ['true'], 5000, 10)
          const killed = f.restartAgent!()
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
        if (!f.restartEngine) throw new Error('an engine\'s fixture offers restartEngine')
        await pod({}, async (s) => {
          const c = await rt().startContainer(s.id, spec(), never)
          const stop = new AbortController()
          const events = rt().events(stop.signal)[Symbol.asyncIterator]()
          await f.restartEngine!()
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
        if (!f.foreign) throw new Error('an engine\'s fixture offers foreign')
        await f.foreign!.make()
        try {
          await f.restartAgent!()
          await pod({}, async (s) => { await rt().startContainer(s.id, spec(), never) })
          const { sandboxes, containers } = await rt().list()
          expect([sandboxes, containers]).toEqual([[], []])
          expect(await f.foreign!.runs()).toBe(true)
        } finally { await f.foreign!.remove() }
      })
    }
  })
}
