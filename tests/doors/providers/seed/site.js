// A provider's site around its own two files: Express, a database in memory, and what it would do
// for people who have paid. `/state` tells the test what has come of it.

const express = require("express");

const rows = new Map();
const done = { credits: [], confirmed: [], failed: [] };

globalThis.db = {
  orders: {
    create: async (row) => void rows.set(row.id, row),
    findById: async (id) => rows.get(id),
    update: async (id, changes) => void Object.assign(rows.get(id), changes),
  },
};
globalThis.grantCredits = async (userId, quantity) => void done.credits.push([userId, quantity]);
globalThis.sendConfirmationEmail = async (userId, told) => void done.confirmed.push([userId, told]);
globalThis.sendFailureNotification = async (userId) => void done.failed.push(userId);
globalThis.app = express();

app.use(express.json());
const { createPaymentSession } = require("./payment.js");
require("./webhooks.js");

app.post("/api/create-payment", async (req, res) => {
  try {
    res.json(await createPaymentSession("ada", req.body.quantity));
  } catch (error) {
    res.status(502).json({ error: error.message });
  }
});
app.get("/state", (req, res) => res.json({ orders: [...rows.values()], ...done }));
app.listen(Number(process.env.PORT), "127.0.0.1", () => console.log("listening"));
