// The worker of order.py in Node: its task charges once, waits for an event, asks a person, makes three pictures and a mail as tasks
// below it, and goes on wherever it was: kill it at any time.
//
//   node examples/order.mjs
//   daybook submit order -p order=42 --subject "order 42"
//   daybook event paid:42 '{"amount":99}'
//   daybook approvals; daybook approve ID -p amount=99
import { randomBytes } from 'node:crypto';
import { main } from './worker.mjs';
import { Steps } from './steps.mjs';

async function order({ parameters: p, lease }) {
  const s = new Steps(lease);
  const payment = await s.step('charge', () => `p-${randomBytes(4).toString('hex')}`); // give the bank task.id as an idempotency key
  const paid = await s.waitEvent('paid', `paid:${p.order}`, { timeout: 86400 });
  const answer = await s.approval('ask', `Ship order ${p.order}?`, { fields: { type: 'object', properties: { amount: { type: 'integer', minimum: 1 } } } });
  if (!answer.approved) return { rejected: answer.reason };
  const picture = (size) => [size, { task_type: 'IMAGE_PROCESSING', parameters: { image_count: 1, seed: p.order, target_size: size } }];
  const pictures = await s.children('pictures', Object.fromEntries(['80x60', '320x240', '1280x960'].map(picture)));
  await s.sleep('cool-off', p.cool_off ?? 1);
  const mail = await s.children('mail', { customer: { task_type: 'EMAIL_SIMULATION', parameters: { recipient_count: 1, delay_per_email: 0, subject: `Order ${p.order} is on its way` } } });
  return { mailed: mail.customer.status === 'SUCCESS', payment, paid, amount: answer.answer?.amount ?? null,
    pictures: Object.fromEntries(Object.entries(pictures).map(([size, child]) => [size, child.id])) };
}

await main({ order }, { order: { title: 'Order', parameters_schema: { type: 'object', required: ['order'], properties: {
  order: { type: 'integer', title: 'Order' }, cool_off: { type: 'number', minimum: 0 } } } } });
