/** `npm run down`: nothing to set up; where the packages are missing nothing of ours can be running. */
import { existsSync } from 'node:fs'
import { checkMachine, pinnedNode, runPinned } from './bootstrap.mjs'

checkMachine()
if (!existsSync(pinnedNode)) {
  console.log('bramble: nothing is installed here, so nothing is running')
  process.exit(0)
}
process.exit(await runPinned('scripts/down.ts', process.argv.slice(2)))
