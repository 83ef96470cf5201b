// provider-backend/routes/webhooks.js

app.post('/api/webhooks/dztech', async (req, res) => {
  // Verify webhook source
  if (req.headers['x-dztech-webhook'] !== 'payment-notification') {
    return res.status(401).json({ error: 'Unauthorized' })
  }

  const { event, externalId, amount, quantity, status } = req.body

  console.log(`Received ${event} for order ${externalId}`)

  // Find order using YOUR externalId
  const order = await db.orders.findById(externalId)
  
  if (!order) {
    console.error(`Order not found: ${externalId}`)
    return res.status(200).json({ received: true })
  }

  if (event === 'payment_succeeded') {
    await db.orders.update(order.id, { 
      status: 'paid', 
      paidAt: new Date() 
    })
    
    // Grant credits/access to user
    await grantCredits(order.userId, quantity)
    
    // Send confirmation
    await sendConfirmationEmail(order.userId, { amount, quantity })
  } else if (event === 'payment_failed') {
    await db.orders.update(order.id, { status: 'failed' })
    await sendFailureNotification(order.userId)
  }

  // Always respond 200 to acknowledge receipt
  res.status(200).json({ received: true })
})
