-- Box scores are curves over 99 percentiles and shares between 0 and 1; a scored box misses none, any other has none.
SELECT dataset, model, variant, method, image_id, layer, head, box_id, outcome, energy
FROM box_scores
WHERE len(iou) != 99 OR len(recall) != 99
   OR (outcome = 'scored' AND (energy IS NULL OR energy NOT BETWEEN -1e-6 AND 1 + 1e-6 OR iou IS NULL
       OR list_min(iou) < 0 OR list_max(iou) > 1.001))
   OR (outcome != 'scored' AND (energy IS NOT NULL OR iou IS NOT NULL))
   OR outcome NOT IN ('scored', 'hidden', 'zero_map', 'not_finite');
