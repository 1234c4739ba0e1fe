/** Stores transfer after transfer and says on stdout which one is on disk, until it is killed. Transfer n puts object n and removes object n - 5. */
import { openDatabase } from '../../shared/host/sqlite.ts'
import { DesiredStore, storeSetup } from '../../node-agent/link/desired-store.ts'

const [path, incarnation] = process.argv.slice(2) as [string, string]
const store = await DesiredStore.load(await openDatabase(path, { mode: 'create', setup: storeSetup }))
for (let n = (store.position?.revision ?? 0) + 1; ; n++) {
  await store.apply({
    replace: false, to: { incarnation, revision: n }, put: [['ConfigMap', { metadata: { namespace: 'default', name: `c${n}` }, data: { n: 'x'.repeat(2000) } } as never]],
    del: [['ConfigMap', 'default', `c${n - 5}`]],
  })
  process.stdout.write(`${n}\n`)
}
