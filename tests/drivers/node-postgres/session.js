// What the cases are made of.
import { readFileSync } from 'node:fs'
import pg from 'pg'
import { keep, same, sleep } from './harness.js'

export const ENV = process.env
export const MIB = 1 << 20
const ssl = { ca: readFileSync(ENV.PGSSLROOTCERT, 'utf8'), rejectUnauthorized: true, servername: ENV.PGHOST }

// A session. Address, user, password and database are taken from the environment by the driver.
export async function connect(given = {}) {
  const session = keep(new pg.Client({ ssl, connectionTimeoutMillis: 20_000, ...given }))
  session.on('error', () => {})
  await session.connect()
  return session
}

export async function value(session, statement, parameters) {
  return Object.values((await session.query(statement, parameters)).rows[0])[0]
}

export async function table(session, name, columns = 'x int') {
  await session.query(`DROP TABLE IF EXISTS node_${name}; CREATE TABLE node_${name} (${columns})`)
  return `node_${name}`
}

export const goesOn = async (session) => same('answer', await value(session, 'SELECT 1'), 1)

// A statement at work, and what it ends with.
export async function aside(session) {
  const sleeping = session.query('SELECT pg_sleep(20)')
  sleeping.catch(() => {})
  await sleep(300)
  return { sleeping }
}
