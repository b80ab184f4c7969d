"""From images and boxes to a published warehouse: plan, extract, score, aggregate, publish, check."""
