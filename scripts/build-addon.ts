/**
 * The sqlite3 addon for one architecture: the one npm built for this machine's, a cross build with Debian's compiler for the other.
 * Kept in `dist/cache` by version, since a build takes minutes.
 */
import { cp, mkdir, rename, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { runOk } from '../shared/host/exec.ts'

export type Arch = 'x64' | 'arm64'
/** GNU triplet of Debian's tools for an architecture. */
export const triplet: Readonly<Record<Arch, string>> = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }

const require = createRequire(import.meta.url)
const exists = async (path: string): Promise<boolean> => stat(path).then(() => true, () => false)

/** Path of `node_sqlite3.node` for `arch`, stripped; built if it is not in `cacheDir` yet. */
export async function sqliteAddon(arch: Arch, cacheDir: string, progress: (text: string) => void): Promise<string> {
  const packageFile = require.resolve('sqlite3/package.json')
  const { version } = require(packageFile) as { version: string }
  const target = join(cacheDir, `node_sqlite3-${version}-${arch}.node`)
  if (await exists(target)) return target
  await mkdir(cacheDir, { recursive: true })
  const scratch = `${target}.tmp`
  if (arch === process.arch) {
    await cp(join(dirname(packageFile), 'build/Release/node_sqlite3.node'), scratch)
  } else {
    progress(`compiling sqlite3 ${version} for ${arch} (about two minutes, once)`)
    const tree = join(cacheDir, `sqlite3-${arch}`)
    await rm(tree, { recursive: true, force: true })
    await cp(dirname(packageFile), tree, { recursive: true, filter: (path) => !path.endsWith('/build') })
    await cp(dirname(require.resolve('node-addon-api/package.json')), join(tree, 'node_modules/node-addon-api'), { recursive: true })
    const t = triplet[arch]
    await runOk([process.execPath, require.resolve('node-gyp/bin/node-gyp.js'), 'rebuild', `--arch=${arch}`, `--nodedir=${dirname(require.resolve(`node-linux-${process.arch}/package.json`))}`, `--jobs=${availableParallelism()}`], {
      cwd: tree, timeout: 15 * 60_000,
      env: { ...process.env, CC: `${t}-gcc`, CXX: `${t}-g++`, AR: `${t}-ar`, LINK: `${t}-g++`, CC_host: 'gcc', CXX_host: 'g++', AR_host: 'ar', LINK_host: 'g++' },
    })
    await cp(join(tree, 'build/Release/node_sqlite3.node'), scratch)
    await rm(tree, { recursive: true, force: true })
  }
  await runOk([`${triplet[arch]}-strip`, scratch])
  await rename(scratch, target)
  return target
}
