// node-postgres through a pooler: a line for each case, its name and `ok` or what was seen. See ../README.md.
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { from, to } from 'pg-copy-streams'
import Cursor from 'pg-cursor'
import { fails, main, same } from './harness.js'
import { connect, ENV, goesOn, MIB, table, value } from './session.js'
import { sessions } from './sessions.js'

const login = (name) => async () => {
  const session = await connect({ user: name, password: ENV[`PASSWORD_${name.toUpperCase()}`] })
  same('user', await value(session, 'SELECT current_user::text'), name)
}

const refused = (code, given) => () => fails(code, connect(given))

const logins = {
  'login': async () => same('user', await value(await connect(), 'SELECT current_user::text'), ENV.PGUSER),
  'login-nbsp': login('nbsp'),
  'login-nfd': login('nfd'),
  'login-ligature': login('ligature'),
  'login-soft': login('soft'),
  'login-warning': async () => goesOn(await connect({ database: 'warned' })),
  'refused-password': refused('28P01', { password: 'wrong' }),
  'refused-database': refused('3D000', { database: 'nosuch' }),
  'refused-right': refused('42501', { database: 'other' }),
  'refused-limit': refused('53300', { database: 'limited' }),
  'refused-setting': refused('42704', { options: '-c nosuch=1' }),
  'direct-tls': () => connect({ sslnegotiation: 'direct' }),
  'channel-binding': () => connect({ enableChannelBinding: true }),
  'startup-settings': async () => {
    const session = await connect({ application_name: 'drivers', options: '-c TimeZone=Asia/Kathmandu', statement_timeout: 50_000 })
    const shown = []
    for (const name of ['application_name', 'TimeZone', 'statement_timeout']) shown.push(await value(session, `SHOW ${name}`))
    same('settings', shown, ['drivers', 'Asia/Kathmandu', '50s'])
  },
}

const statements = {
  'types': async () => {
    const session = await connect()
    for (const [kind, given] of [['timestamptz', new Date('2024-02-29T12:00:00Z')], ['numeric', '1.10'], ['int[]', [1, 2]],
      ['bytea', Buffer.from([0, 255])], ['text', 'ÿ 😀'], ['bool', true], ['float8', 0.1], ['jsonb', { a: [1] }], ['text', null]]) {
      same(kind, await value(session, `SELECT $1::${kind}`, [given]), given)
    }
  },
  'multi-statement': async () => same('second', (await (await connect()).query('SELECT 1; SELECT 2 AS x'))[1].rows, [{ x: 2 }]),
  'prepared': async () => {
    const sessions = [await connect(), await connect(), await connect()]
    for (let turn = 0; turn < 20; turn++) {
      for (const session of sessions) {
        await session.query('BEGIN')
        same('value', await value(session, { name: 'add', text: 'SELECT $1::int + 1', values: [turn] }), turn + 1)
        await session.query('COMMIT')
      }
    }
  },
  'unknown-statement': async () => {
    // The driver still knows its statement, the server no longer does.
    const session = await connect()
    const ask = () => session.query({ name: 'one', text: 'SELECT 1' })
    await ask()
    await session.query('DEALLOCATE ALL')
    await fails('26000', ask())
    await goesOn(session)
  },
  'parameters-most': async () => {
    const marks = Array.from({ length: 65535 }, (_, n) => `$${n + 1}::int`).join()
    same('count', await value(await connect(), `SELECT cardinality(ARRAY[${marks}])`, Array(65535).fill(1)), 65535)
  },
  'parameter-20-mb': async () => {
    same('length', await value(await connect(), 'SELECT length($1::text)', ['x'.repeat(20 * MIB)]), 20 * MIB)
  },
  'result-60-mb': async () => same('length', (await value(await connect(), `SELECT repeat('x', ${60 * MIB})`)).length, 60 * MIB),
  'copy-in': async () => {
    const session = await connect()
    const into = session.query(from(`COPY ${await table(session, 'copy_in', 'x int, y text')} FROM STDIN`))
    await pipeline(Readable.from(['1\ty\n'.repeat(10_000)]), into)
    same('rows', into.rowCount, 10_000)
  },
  'copy-out': async () => {
    const session = await connect()
    const heard = await text(session.query(to('COPY (SELECT generate_series(1, 10000)) TO STDOUT')))
    same('rows', heard.trim().split('\n').length, 10_000)
    await goesOn(session)
  },
  'copy-fail': async () => {
    const session = await connect()
    const into = session.query(from(`COPY ${await table(session, 'copy_fail')} FROM STDIN`))
    await fails('22P02', pipeline(Readable.from(['1\nno number\n']), into))
    await goesOn(session)
  },
  'cursor': async () => {
    const session = await connect()
    await session.query('BEGIN')
    const walk = session.query(new Cursor('SELECT generate_series(1, 1000)'))
    for (const wanted of [400, 400, 200]) same('rows', (await walk.read(400)).length, wanted)
    await walk.close()
    await session.query('COMMIT')
  },
  'pipeline': async () => {
    const session = await connect({ pipeline: true })
    const name = await table(session, 'pipeline', 'x int, y text')
    const insert = (_, x) => session.query(`INSERT INTO ${name} VALUES ($1, $2)`, [x, 'y'.repeat(100)])
    await Promise.all(Array.from({ length: 1000 }, insert))
    same('rows', await value(session, `SELECT count(*) FROM ${name}`), '1000')
  },
  'notice': async () => {
    const session = await connect()
    const heard = []
    session.on('notice', (told) => heard.push(told.severity, told.message))
    await session.query("DO $$ BEGIN RAISE WARNING 'mind'; RAISE NOTICE 'look'; END $$")
    same('notices', heard, ['WARNING', 'mind', 'NOTICE', 'look'])
  },
}

main({ ...logins, ...statements, ...sessions })
