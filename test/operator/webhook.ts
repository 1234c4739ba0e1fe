/** The operator's webhooks, a program of its own: `webhook.ts KEY CERT`, prints its port. Converts between the versions and refuses what no schema can. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { group } from './definition.ts'

interface Versioned { apiVersion: string; spec: { schedule?: string; hour?: number; minute?: number; volume: string } }
interface ConversionRequest { uid: string; desiredAPIVersion: string; objects: Versioned[] }
interface AdmissionRequest { uid: string; object: Versioned; oldObject: Versioned | null }

const two = (n: number): string => String(n).padStart(2, '0')

function converted(object: Versioned, apiVersion: string): Versioned {
  const { schedule, hour = 0, minute = 0, ...rest } = object.spec
  if (apiVersion === object.apiVersion) return object
  if (apiVersion === `${group}/v1alpha1`) return { ...object, apiVersion, spec: { ...rest, schedule: `${two(hour)}:${two(minute)}` } }
  const [h, m] = (schedule ?? '00:00').split(':').map(Number)
  return { ...object, apiVersion, spec: { ...rest, hour: h ?? 0, minute: m ?? 0 } }
}

function convert({ uid, desiredAPIVersion, objects }: ConversionRequest): object {
  return { kind: 'ConversionReview', apiVersion: 'apiextensions.k8s.io/v1', response: { uid, result: { status: 'Success' }, convertedObjects: objects.map((o) => converted(o, desiredAPIVersion)) } }
}

function validate({ uid, object, oldObject }: AdmissionRequest): object {
  const moved = oldObject && oldObject.spec.volume !== object.spec.volume
  return { kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1', response: {
    uid, allowed: !moved, ...(moved ? { status: { message: `the volume of a backup does not change: ${oldObject.spec.volume}`, reason: 'Invalid', code: 422 } } : {}),
    ...(object.spec.hour === 3 ? { warnings: ['03:00 comes twice on one day of the year'] } : {}),
  } }
}

const [key = '', cert = ''] = process.argv.slice(2).map((file) => readFileSync(file, 'utf8'))
const server = createServer({ key, cert }, (req, res) => {
  let text = ''
  req.setEncoding('utf8').on('data', (piece: string) => { text += piece }).on('end', () => {
    const { request } = JSON.parse(text) as { request: never }
    res.setHeader('Content-Type', 'application/json')
    res.end(JSON.stringify(req.url?.startsWith('/convert') ? convert(request) : validate(request)))
  })
})
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
