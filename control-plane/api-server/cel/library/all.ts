/** Every function of upstream's environment. Pure. */
import { tableOf } from '../function-table.ts'
import { addresses } from './addresses.ts'
import { authorizer } from './authorizer.ts'
import { collections } from './collections.ts'
import { conversions } from './conversions.ts'
import { formats } from './formats.ts'
import { quantities } from './quantity.ts'
import { standard } from './standard.ts'
import { text } from './text.ts'

export const functions = tableOf([...standard, ...conversions, ...text, ...collections, ...authorizer, ...quantities, ...addresses, ...formats])
