-- Every parent of a feature type is a feature type of the same data set.
SELECT f.dataset, f.feature_type, p.parent
FROM feature_types AS f, unnest(f.parent) AS p(parent)
LEFT JOIN feature_types AS k ON k.dataset = f.dataset AND k.feature_type = p.parent
WHERE k.feature_type IS NULL;
