/**
 * Loaded before an agent (`--import`): counts what leaves the process, a program started or a file system changed, and ends the process by SIGKILL at one of
 * these boundaries. Boundary 2n lies before effect n, 2n+1 right after it: after a program was started, but before it is known to have been.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module'

type Any = (...args: unknown[]) => unknown
const require = createRequire(import.meta.url)
let boundary = -1
let killAt = Infinity
let isArmed = false
const trail: string[] = []

/** From now on boundaries count; the process ends at number `at`. */
export function arm(at: number): void { isArmed = true; boundary = -1; killAt = at; trail.length = 0 }
/** Boundaries passed since {@link arm}, and what each pair was. */
export const passed = (): { readonly boundaries: number; readonly trail: readonly string[] } => ({ boundaries: boundary + 1, trail })

function pass(): void {
  if (isArmed && ++boundary === killAt) process.kill(process.pid, 'SIGKILL')
}

function wrap(holder: Record<string, unknown>, name: string, isEffect: (args: unknown[]) => boolean = () => true): void {
  const real = holder[name] as Any
  holder[name] = function (this: unknown, ...args: unknown[]): unknown {
    if (!isArmed || !isEffect(args)) return real.apply(this, args)
    trail.push(`${name} ${String(args[0])} ${name === 'spawn' ? String(args[1]).slice(0, 80) : ''}`)
    pass()
    const result = real.apply(this, args)
    if (!(result instanceof Promise)) { pass(); return result }
    return result.then((value: unknown) => { pass(); return value })
  }
}

const writes = (args: unknown[]): boolean => typeof args[1] === 'string' && /[wa+]/.test(args[1])
wrap(require('node:child_process') as Record<string, unknown>, 'spawn')
const fs = require('node:fs/promises') as Record<string, unknown>
for (const name of ['mkdir', 'writeFile', 'rename', 'rm', 'rmdir', 'unlink', 'symlink', 'chmod', 'chown', 'lchown', 'truncate', 'copyFile']) wrap(fs, name)
wrap(fs, 'open', writes)
syncBuiltinESMExports()
