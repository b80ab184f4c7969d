-- Every parent of a feature type is a feature type of the same data set, and what is a kind of a distractor is one.
SELECT f.dataset, f.feature_type, p.parent, k.distractor
FROM feature_types AS f, unnest(f.parent) AS p(parent)
LEFT JOIN feature_types AS k ON k.dataset = f.dataset AND k.feature_type = p.parent
WHERE k.feature_type IS NULL OR (k.distractor AND NOT f.distractor);
