// provider-backend/services/payment.js

const DZTECH_API_KEY = process.env.DZTECH_API_KEY

async function createPaymentSession(userId, quantity) {
  // Generate a unique external ID for tracking
  const externalId = `ORDER-${userId}-${Date.now()}`
  
  // Calculate amount (e.g., $5 per unit)
  const amount = quantity * 5

  const response = await fetch('https://dztech.shop/api/v1/create-payment-intent', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      apiKey: DZTECH_API_KEY,
      externalId,
      amount,
    }),
  })

  if (!response.ok) {
    const error = await response.json()
    throw new Error(error.error || 'Failed to create payment session')
  }

  const data = await response.json()

  // Store order in your database
  await db.orders.create({
    id: externalId,
    userId,
    quantity,
    amount: data.amount,
    dztechOrderId: data.orderId,
    status: 'pending',
    createdAt: new Date(),
  })

  return {
    checkoutUrl: data.checkoutUrl,
    orderId: data.orderId,
    externalId,
  }
}

module.exports = { createPaymentSession }
