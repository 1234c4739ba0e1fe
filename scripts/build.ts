/**
 * `npm run build`: `dist/<program>-linux-<arch>` for both architectures, each a single file that needs nothing installed:
 * Node, our bundle and the sqlite3 addon. `-- --arch x64` makes one architecture only.
 */
import { createHash } from 'node:crypto'
import { chmod, copyFile, mkdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runOk } from '../shared/host/exec.ts'
import { readIfThere, writeFileAtomic } from '../shared/host/files.ts'
import { sqliteAddon, triplet, type Arch } from './build-addon.ts'
import { bundle, heapFlags, programs, root, type Program } from './bundle.ts'

const dist = join(root, 'dist')
const cache = join(dist, 'cache')
const say = (text: string): void => { process.stdout.write(`build: ${text}\n`) }
const exists = async (path: string): Promise<boolean> => stat(path).then(() => true, () => false)

/** The pinned Node of an architecture, stripped before anything is put into it: stripping the finished file breaks it. */
async function strippedNode(arch: Arch, version: string): Promise<string> {
  const target = join(cache, `node-${version}-${arch}`)
  if (await exists(target)) return target
  await mkdir(cache, { recursive: true })
  let source = join(root, `node_modules/node-linux-${arch}/bin/node`)
  if (!await exists(source)) {
    say(`fetching Node ${version} for ${arch}`)
    await runOk(['npm', 'pack', `node-linux-${arch}@${version}`, '--pack-destination', cache], { timeout: 600_000 })
    const tar = join(cache, `node-linux-${arch}-${version}.tgz`)
    await runOk(['tar', '-xzf', tar, '-C', cache, 'package/bin/node'])
    await rm(tar)
    source = join(cache, 'package/bin/node')
  }
  await copyFile(source, `${target}.tmp`)
  await runOk([`${triplet[arch]}-strip`, `${target}.tmp`])
  await rename(`${target}.tmp`, target)
  await rm(join(cache, 'package'), { recursive: true, force: true })
  return target
}

/** What an executable is made of, in one hash: an equal hash needs no new build. */
async function fingerprint(parts: readonly string[], config: object): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(config))
  for (const part of parts) hash.update(`\0${(await stat(part)).size}\0`).update(await readFile(part))
  return hash.digest('hex')
}

/** The finished file as its last build left it: whoever replaced, cut or touched it gets a new one. */
async function stampOf(output: string, inputs: string): Promise<string | undefined> {
  const file = await stat(output).catch((e: NodeJS.ErrnoException) => { if (e.code === 'ENOENT') return undefined; throw e })
  return file && `${inputs} ${file.size} ${file.mtimeMs}`
}

async function executable(program: Program, arch: Arch, version: string, nodeVersion: string): Promise<void> {
  const output = join(dist, `${program}-linux-${arch}`)
  const [config, stampFile] = [join(cache, `${program}-${arch}.json`), join(cache, `${program}-${arch}.stamp`)]
  const main = join(cache, `${program}.cjs`)
  const node = await strippedNode(arch, nodeVersion)
  const assets = program === 'bramble' ? {} : { 'node_sqlite3.node': await sqliteAddon(arch, cache, say) }
  // No code cache: V8 takes one only from the architecture that made it, and half of these are made for the other.
  const sea = { main, executable: node, disableExperimentalSEAWarning: true, useSnapshot: false, useCodeCache: false, execArgv: heapFlags[program], execArgvExtension: 'env', assets }
  const inputs = await fingerprint([main, node, ...Object.values(assets)], sea)
  const size = async (): Promise<string> => `${output.slice(root.length + 1)}  ${((await stat(output)).size / 1e6).toFixed(0)} MB`
  const stamp = await stampOf(output, inputs)
  if (stamp !== undefined && stamp === await readIfThere(stampFile)) { say(`${await size()}, up to date`); return }
  // Made aside: a program that runs from the old file goes on doing so.
  const scratch = `${output}.tmp`
  await writeFileAtomic(config, JSON.stringify({ ...sea, output: scratch }))
  await runOk([process.execPath, '--build-sea', config], { timeout: 300_000 })
  await chmod(scratch, 0o755)
  await rename(scratch, output)
  await writeFileAtomic(stampFile, await stampOf(output, inputs) as string)
  say(await size())
}

const { values } = parseArgs({ options: { arch: { type: 'string' } } })
const archs: Arch[] = values.arch === undefined ? ['x64', 'arm64'] : [values.arch as Arch]
if (archs.some((a) => !(a in triplet))) throw new Error(`--arch ${values.arch}: x64 or arm64`)
const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
const nodeVersion = (createRequire(import.meta.url)(`node-linux-${process.arch}/package.json`) as { version: string }).version
await mkdir(cache, { recursive: true })
for (const program of Object.keys(programs) as Program[]) await bundle(program, cache, version)
for (const arch of archs) for (const program of Object.keys(programs) as Program[]) await executable(program, arch, version, nodeVersion)
