import { join } from 'node:path'
import { expect, it } from 'vitest'
import { run } from './exec.ts'

it('rejects, and no more, where the process has no file descriptor left to start another', async () => {
  const script = `
    import { openSync } from 'node:fs'
    import { run } from ${JSON.stringify(join(import.meta.dirname, 'exec.ts'))}
    const open = []
    let full
    while (!full) try { open.push(openSync('/dev/null')) } catch (e) { full = e }
    const code = await run(['true']).then(() => 'started', (e) => e.code)
    process.stderr.write(code)`
  const result = await run(['prlimit', '--nofile=64', process.execPath, '--input-type=module-typescript', '-e', script])
  expect([result.exitCode, result.stderr.toString()]).toEqual([0, 'EMFILE'])
})
