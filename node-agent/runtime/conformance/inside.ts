/** What a container sees of what it was given. */
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Container, Sandbox } from '../runtime.ts'
import type { World } from './world.ts'

export function inside({ fixture, spec, pod, outputOf, succeeds }: World): void {
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

  test('the runtime\'s seccomp profile lets a shell run and keeps it from a user namespace of its own, which nothing else forbids', async () => {
    const script = 'grep Seccomp: /proc/self/status; if unshare -U true 2>/dev/null; then echo apart; else echo refused; fi; ls / >/dev/null && echo fine'
    const said = async (type: 'runtime-default' | 'unconfined'): Promise<string> => {
      let text = ''
      await pod({}, async (s) => { ({ text } = await outputOf(s, { command: ['sh', '-c', script], security: { ...spec().security, seccomp: { type } } })) })
      return text
    }
    expect(await said('runtime-default')).toBe('Seccomp:\t2\nrefused\nfine\n')
    expect(await said('unconfined')).toBe('Seccomp:\t0\napart\nfine\n')
  })

  test('volumes: writable, read-only, and one inside another', async () => {
    const [outer, inner] = [join(fixture().dir, 'outer'), join(fixture().dir, 'inner')]
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
  const glutton = (s: Sandbox, script: (eat: string) => string): Promise<{ c: Container; text: string }> => {
    const command = ['sh', '-c', `until [ -e /go ]; do sleep 0.05; done; ${script('awk \'BEGIN { x = "0123456789abcdef"; while (1) x = x x }\'')}`]
    return outputOf(s, { command, resources: { memoryBytes: 32 << 20 } }, (c) => succeeds(c.id, ['touch', '/go']))
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
