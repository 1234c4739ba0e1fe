/** `bramble`: our own command line. kubectl does everything the Kubernetes API has; this does what is ours, and the first steps without kubectl. */
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { Command } from 'commander'
import { messageOf } from '../../shared/base/errors.ts'
import { systemClock } from '../../shared/host/clock.ts'
import { apply } from './commands/apply.ts'
import { get, type GetOptions } from './commands/get.ts'
import { rotate } from './commands/rotate.ts'
import { createToken } from './commands/token.ts'
import { connect, type Connection } from './connection.ts'
import { pathOf, resourceNamed } from './resource-names.ts'

const version = process.env.BRAMBLE_VERSION ?? '0.1.0'
const print = (text: string): void => { process.stdout.write(text) }
const line = (text: string): void => print(`${text}\n`)

const program = new Command('bramble')
  .description('Works with a bramble, a Kubernetes cluster of Raspberry Pis. kubectl works with it too.')
  .version(version)
  .option('--kubeconfig <file>', 'cluster and user (default: $KUBECONFIG, or ~/.kube/config)')
  .option('--context <name>', 'context of the kubeconfig instead of its current one')
  .showHelpAfterError()

async function withConnection(work: (connection: Connection) => Promise<void>): Promise<void> {
  const { kubeconfig, context } = program.opts<{ kubeconfig?: string; context?: string }>()
  const file = kubeconfig ?? process.env.KUBECONFIG?.split(delimiter)[0] ?? join(homedir(), '.kube/config')
  const connection = await connect(file, context)
  try {
    await work(connection)
  } finally {
    connection.close()
  }
}

program.command('apply').description('create or change the objects of manifests')
  .requiredOption('-f, --filename <path...>', 'file, folder, or - for standard input')
  .option('-n, --namespace <name>', 'namespace of objects that name none')
  .action((o: { filename: string[]; namespace?: string }) => withConnection((c) => apply(c, o.filename, o.namespace, line)))

program.command('get').description('show objects').argument('<types>', 'resource types, comma separated: nodes,pods,services').argument('[name]')
  .option('-n, --namespace <name>').option('-A, --all-namespaces').option('-o, --output <format>', 'wide, json, yaml or name').option('-l, --selector <labels>')
  .action((types: string, name: string | undefined, o: GetOptions) => withConnection((c) => get(c, types, name, o, print)))

program.command('delete').description('delete an object').argument('<type>').argument('<name>').option('-n, --namespace <name>')
  .action((type: string, name: string, o: { namespace?: string }) => withConnection(async (c) => {
    const resource = await resourceNamed(c, type)
    await c.call('DELETE', pathOf(resource, o.namespace ?? c.namespace, name))
    line(`${resource.resource}/${name} deleted`)
  }))

const token = program.command('token').description('tokens with which nodes join')
token.command('create').description('make a token and print it').option('--ttl <duration>', 'how long it may be used', '24h').option('--description <text>')
  .action((o: { ttl: string; description?: string }) => withConnection(async (c) => line(await createToken(c, o, systemClock.now()))))

program.command('rotate').description('use a new key while the cluster runs').argument('<what>', 'encryption-key (of stored secrets) or token-key (that signs service-account tokens)')
  .action((what: string) => {
    if (what !== 'encryption-key' && what !== 'token-key') throw new Error(`cannot rotate ${JSON.stringify(what)}: encryption-key or token-key`)
    return withConnection(async (c) => line(await rotate(c, what)))
  })

program.command('ready').description('exit code 0 when the API server is ready')
  .action(() => withConnection(async (c) => line(await c.call<string>('GET', '/readyz'))))

void program.parseAsync().catch((e: unknown) => {
  process.stderr.write(`bramble: ${messageOf(e)}\n`)
  process.exitCode = 1
})
