-- The shares on CLS, registers and patches add up to 1 wherever a method has them.
SELECT dataset, model, variant, method, image_id, layer, head, mass_cls, mass_register, mass_patch
FROM maps
WHERE mass_patch IS NOT NULL AND abs(mass_cls + mass_register + mass_patch - 1) > 1e-3;
