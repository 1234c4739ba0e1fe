/** `npm run up`: set-up that needs no dependency, then `up.ts` on the pinned Node. */
import { bootstrap, checkKernel, checkMachine, refuse, runPinned } from './bootstrap.mjs'
import { parseUp, usage } from './flags.mjs'

const args = process.argv.slice(2)
const options = (() => { try { return parseUp(args) } catch (e) { return refuse(e.message, 'see "npm run up -- --help"') } })()
if (options === 'help') {
  process.stdout.write(usage)
  process.exit(0)
}
checkMachine()
checkKernel()
await bootstrap({ docker: options.runtime === 'docker' })
process.exit(await runPinned('scripts/up.ts', args))
