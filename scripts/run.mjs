/** Runs a source file, unbundled, on the pinned Node, whichever Node started npm: `node scripts/run.mjs FILE [ARG...]`. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const node = join(root, `node_modules/node-linux-${process.arch}/bin/node`)
if (!existsSync(node)) {
  console.error(`bramble: the pinned Node is missing (${node}): run "npm install" in ${root} first`)
  process.exit(1)
}
const [file, ...args] = process.argv.slice(2)
if (!file) {
  console.error('usage: node scripts/run.mjs FILE [ARG...]')
  process.exit(2)
}
const child = spawn(node, [join(root, file), ...args], { stdio: 'inherit' })
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => process.exit(signal ? 128 + 15 : (code ?? 1)))
