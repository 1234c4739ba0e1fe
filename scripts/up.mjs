/** `npm run up`: set-up that needs no dependency, then `up.ts` on the pinned Node. */
import { bootstrap, checkKernel, checkMachine, runPinned } from './bootstrap.mjs'

const args = process.argv.slice(2)
if (!args.includes('--help') && !args.includes('-h')) {
  checkMachine()
  checkKernel()
  const runtime = args.find((a) => a.startsWith('--runtime='))?.slice(10) ?? args[args.indexOf('--runtime') + 1]
  await bootstrap({ docker: runtime === 'docker' })
} else {
  await bootstrap()
}
process.exit(await runPinned('scripts/up.ts', args))
