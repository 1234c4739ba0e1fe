/** The files that a configMap, secret, downwardAPI or projected volume shows. Pure. Source: upstream `MakePayload` in `pkg/volume/{configmap,secret}`. */
import type { ConfigMap, KeyToPath, Secret } from '../../../shared/api/core-v1.ts'

export interface PayloadFile { readonly data: Buffer; readonly mode: number; /** Owner; root where it is left out. */ readonly uid?: number }
/** By path relative to the volume. */
export type Payload = Map<string, PayloadFile>

/** The volume cannot be made as the pod wants it; the message is upstream's. */
export class VolumeError extends Error { override readonly name = 'VolumeError' }

interface Choice { readonly items: readonly KeyToPath[] | undefined; readonly defaultMode: number; readonly optional: boolean }

function choose(data: ReadonlyMap<string, Buffer>, choice: Choice, missing: (key: string) => string): Payload {
  const out: Payload = new Map()
  if (!choice.items?.length) {
    for (const [key, value] of data) out.set(key, { data: value, mode: choice.defaultMode })
    return out
  }
  for (const item of choice.items) {
    const value = data.get(item.key)
    if (value === undefined) {
      if (choice.optional) continue
      throw new VolumeError(missing(item.key))
    }
    out.set(safePath(item.path), { data: value, mode: item.mode ?? choice.defaultMode })
  }
  return out
}

/** Refuses a path that would leave the volume. */
export function safePath(path: string): string {
  const parts = path.split('/').filter((p) => p !== '' && p !== '.')
  if (path.startsWith('/') || parts.includes('..') || parts.length === 0 || parts[0]!.startsWith('..')) throw new VolumeError(`invalid path: ${path}`)
  return parts.join('/')
}

export function configMapPayload(map: ConfigMap | undefined, name: string, choice: Choice): Payload {
  if (!map && !choice.optional) throw new VolumeError(`configmap "${name}" not found`)
  const data = new Map<string, Buffer>()
  for (const [k, v] of Object.entries(map?.data ?? {})) data.set(k, Buffer.from(v))
  for (const [k, v] of Object.entries(map?.binaryData ?? {})) data.set(k, Buffer.from(v as unknown as string, 'base64'))
  return choose(data, choice, (key) => `configmap references non-existent config key: ${key}`)
}

export function secretPayload(secret: Secret | undefined, name: string, choice: Choice): Payload {
  if (!secret && !choice.optional) throw new VolumeError(`secret "${name}" not found`)
  const data = new Map<string, Buffer>()
  for (const [k, v] of Object.entries(secret?.data ?? {})) data.set(k, Buffer.from(v, 'base64'))
  return choose(data, choice, (key) => `references non-existent secret key: ${key}`)
}
