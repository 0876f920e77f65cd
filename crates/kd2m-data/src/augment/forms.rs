//! The forms of the list, as messages have them.

/// How each operation is written, for messages.
pub(crate) const FORMS: &str = "none, or one or more joined by `+` of flip, crop:PADDING, crop-flip:PADDING, affine:DEGREES,TRANSLATE,SCALE, resized-crop:LEAST (or LEAST,bicubic), \
     jitter:BRIGHTNESS,CONTRAST,SATURATION,HUE, randaugment:OPERATIONS,MAGNITUDE and erase:PROBABILITY \
     (as crop-flip:4+jitter:0.4,0.4,0.4,0.1+erase:0.25)";
