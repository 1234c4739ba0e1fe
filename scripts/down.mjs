/** `npm run down`: nothing to set up; where the packages are missing nothing of ours can be running. */
import { existsSync } from 'node:fs'
import { checkMachine, pinnedNode, refuse, runPinned } from './bootstrap.mjs'
import { parseDown, usage } from './flags.mjs'

const args = process.argv.slice(2)
const options = (() => { try { return parseDown(args) } catch (e) { return refuse(e.message, 'see "npm run down -- --help"') } })()
if (options === 'help') {
  process.stdout.write(usage)
  process.exit(0)
}
checkMachine()
if (!existsSync(pinnedNode)) {
  console.log('bramble: nothing is installed here, so nothing is running')
  process.exit(0)
}
process.exit(await runPinned('scripts/down.ts', args))
