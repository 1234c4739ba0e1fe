/**
 * `npm test`: the same set-up as `npm run up` and the engines and clients the tests use, then lint, types and the three kinds of
 * test. Stops at the first stage that fails and says which. Arguments go to vitest: `npm test -- node-agent/proxy`.
 */
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { bootstrap, checkKernel, checkMachine, pinnedNode, root } from './bootstrap.mjs'

checkMachine()
checkKernel()
await bootstrap({ test: true, build: true })

const vitest = [pinnedNode, join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--passWithNoTests=false']
const filter = process.argv.slice(2)
const stages = [
  ['lint', [pinnedNode, join(root, 'test/lint/main.ts')]],
  ['types', [join(root, 'node_modules/.bin/tsc'), '--noEmit', '-p', root]],
  ['unit', [...vitest, '--project', 'unit', ...filter]],
  ['integration', [...vitest, '--project', 'integration', ...filter]],
  ['end to end', [...vitest, '--project', 'e2e', ...filter]],
]
/** With a path, only the kinds of test that are found under it. */
const isFound = ([name, argv]) => {
  const { status, stdout, stderr, error } = spawnSync(argv[0], [argv[1], 'list', '--filesOnly', ...argv.slice(4)], { cwd: root, encoding: 'utf8' })
  if (status !== 0) throw new Error(`the ${name} tests could not be listed: ${error?.message ?? stderr.trim()}`)
  return stdout.trim() !== ''
}
const chosen = filter.length ? stages.slice(2).filter(isFound) : stages
if (chosen.length === 0) {
  console.error(`no test under ${filter.join(' ')}`)
  process.exit(1)
}
const started = Date.now()
for (const [name, argv] of chosen) {
  console.log(`\n== ${name}`)
  const at = Date.now()
  const env = { ...process.env, PATH: `${join(pinnedNode, '..')}:${process.env.PATH}` }
  const code = await new Promise((resolve) => { spawn(argv[0], argv.slice(1), { stdio: 'inherit', cwd: root, env }).on('exit', (c, signal) => resolve(signal ?? c)) })
  if (code !== 0) {
    console.error(`\n${name} failed (${code}) after ${((Date.now() - at) / 1000).toFixed(0)} s`)
    process.exit(1)
  }
  console.log(`== ${name}: ${((Date.now() - at) / 1000).toFixed(0)} s`)
}
console.log(`\nall stages passed in ${((Date.now() - started) / 1000).toFixed(0)} s`)
