/**
 * What a fresh machine lacks, installed once: runs on any Node from 20 on, before our dependencies are there, so it imports
 * nothing but Node. Refuses by name what it cannot provide, before it changes anything.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { accessSync, constants, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

export const root = join(import.meta.dirname, '..')
export const pinnedNode = join(root, `node_modules/node-linux-${process.arch}/bin/node`)

/** Program -> Debian package that brings it. */
const runtimePackages = { containerd: 'containerd', ctr: 'containerd', runc: 'runc', iptables: 'iptables', 'iptables-restore': 'iptables', ip: 'iproute2', conntrack: 'conntrack', busybox: 'busybox-static', mount: 'mount', socat: 'socat' }
const dockerPackages = { dockerd: 'docker.io' }
const compilerPackages = { python3: 'python3', make: 'make', 'g++': 'g++' }
const crossPackages = { 'aarch64-linux-gnu-g++': 'crossbuild-essential-arm64', strip: 'binutils', 'qemu-aarch64-static': 'qemu-user-static' }
const testPackages = { ...dockerPackages, ...crossPackages, mosquitto_pub: 'mosquitto-clients', curl: 'curl', 'docker-registry': 'docker-registry', skopeo: 'skopeo', ipset: 'ipset', git: 'git' }

const path = [...new Set([...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'])]
process.env.PATH = path.join(delimiter)

/** Where a program is, undefined if it is not installed. */
export function which(program) {
  for (const dir of path) {
    const file = join(dir, program)
    try { accessSync(file, constants.X_OK); return file } catch { /* not in this folder */ }
  }
  return undefined
}

/** Ends the program with a reason and what to do about it. */
export function refuse(reason, advice) {
  console.error(`bramble: ${reason}\n         ${advice}`)
  process.exit(1)
}

export function say(text) { process.stdout.write(`  ${text}\n`) }

/** Runs a program to its end; its output is shown only where it fails. */
export function command(argv, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0], argv.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], ...options })
    const output = []
    child.stdout.on('data', (d) => output.push(d))
    child.stderr.on('data', (d) => output.push(d))
    child.on('error', reject)
    child.on('close', (code) => (code === 0 ? resolve(Buffer.concat(output).toString()) : reject(new Error(`${argv.join(' ')}: exit code ${code}\n${Buffer.concat(output).toString().slice(-4000)}`))))
  })
}

/** Refuses machines we cannot run on. `needRoot`: containers and iptables will be touched. */
export function checkMachine({ needRoot = true } = {}) {
  if (process.platform !== 'linux') refuse(`${process.platform} is not supported`, 'run it on Debian 12 or 13, or Raspberry Pi OS')
  if (!['x64', 'arm64'].includes(process.arch)) refuse(`a ${process.arch} Node is not supported`, 'use a 64-bit (arm64 or x64) system and Node')
  if (Number(process.versions.node.split('.')[0]) < 20) refuse(`Node ${process.versions.node} is too old`, 'install Node 20 or later')
  if (needRoot && process.getuid() !== 0) refuse('containers and iptables need root', 'run it with sudo')
}

/** Refuses kernels without what containers and Services need. */
export function checkKernel() {
  const filesystems = readFileSync('/proc/filesystems', 'utf8')
  const builtin = (() => { try { return readFileSync(`/lib/modules/${readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim()}/modules.dep`, 'utf8') } catch { return '' } })()
  if (!/\toverlay$/m.test(filesystems) && !builtin.includes('/overlay.ko')) refuse('this kernel has no overlay filesystem', 'boot a kernel with CONFIG_OVERLAY_FS')
  const cgroups = existsSync('/sys/fs/cgroup/cgroup.controllers') ? readFileSync('/sys/fs/cgroup/cgroup.controllers', 'utf8') : readFileSync('/proc/cgroups', 'utf8')
  if (!/^memory\s+\S+\s+\S+\s+1$|\bmemory\b(?!\s+\d)/m.test(cgroups)) {
    refuse('this kernel has its memory cgroup switched off', 'add "cgroup_enable=memory cgroup_memory=1" to the one line of /boot/firmware/cmdline.txt and reboot')
  }
}

async function aptInstall(packages) {
  if (packages.length === 0) return
  if (!which('apt-get')) refuse(`missing: ${packages.join(', ')}, and this machine has no apt-get`, 'install them with your package manager')
  say(`installing with apt: ${packages.join(' ')}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const install = ['apt-get', 'install', '-y', '-q', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300', ...packages]
  await command(install, { env }).catch(async () => {
    // A fresh image has no package lists, an old one has stale ones.
    await command(['apt-get', 'update', '-q', '-o', 'DPkg::Lock::Timeout=300'], { env })
    await command(install, { env })
  }).catch((e) => refuse(`apt-get could not install ${packages.join(' ')}`, e.message.split('\n').slice(-6).join('\n         ')))
}

const missing = (programs) => [...new Set(Object.entries(programs).filter(([p]) => !which(p)).map(([, pkg]) => pkg))]

/** npm packages as the lock file says; skipped where the last install was of the same lock file. */
async function installNpmPackages() {
  const stamp = join(root, 'node_modules/.bramble-installed')
  const hash = createHash('sha256').update(readFileSync(join(root, 'package-lock.json'))).update(process.arch).digest('hex')
  const addon = join(root, 'node_modules/sqlite3/build/Release/node_sqlite3.node')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash && existsSync(addon) && existsSync(pinnedNode)) return
  await aptInstall(missing(compilerPackages))
  say('installing npm packages (sqlite3 is compiled here: about two minutes)')
  // Not `npm ci`: it refuses a lock file without the binaries of platforms that a registry does not carry. This one keeps to the lock file as well.
  await command(['npm', 'install', '--no-save', '--include=dev', '--include=optional', '--no-audit', '--no-fund'], { cwd: root })
    .catch((e) => refuse('npm could not install the packages', e.message.split('\n').slice(-12).join('\n         ')))
  if (!existsSync(addon)) await command(['npm', 'rebuild', 'sqlite3'], { cwd: root })
  if (!existsSync(pinnedNode)) refuse(`the package node-linux-${process.arch} was not installed`, 'npm left out optional packages: run "npm install --include=optional"')
  writeFileSync(stamp, hash)
}

/** Everything `npm run up` needs. */
export async function bootstrap({ docker = false, test = false, build = false } = {}) {
  const wanted = { ...runtimePackages, ...(docker ? dockerPackages : {}), ...(build ? crossPackages : {}), ...(test ? testPackages : {}) }
  await aptInstall(missing(wanted))
  await installNpmPackages()
}

/** Runs one of our sources on the pinned Node with our terminal; resolves with its exit code. */
export function runPinned(file, args, env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(pinnedNode, [join(root, file), ...args], { stdio: 'inherit', cwd: root, env: { ...process.env, ...env } })
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
    child.on('error', reject)
    child.on('exit', (code, signal) => resolve(signal ? 128 + 15 : code))
  })
}
