//! The first image of a GIF as Pillow reads it: the colours of its palette, whichever of them is transparent; around an image that does not
//! fill the screen, the transparent colour's, or the first's.

use gif::{ColorOutput, DecodeOptions, MemoryLimit};

use super::Rgb;

/// Height and width of the screen, as the header says.
pub(crate) fn size(bytes: &[u8]) -> (u64, u64) {
    match bytes.get(6..10) {
        Some(&[a, b, c, d]) => (u64::from(u16::from_le_bytes([c, d])), u64::from(u16::from_le_bytes([a, b]))),
        _ => (0, 0),
    }
}

/// The first image; what is behind it is not looked at.
pub(crate) fn decode(bytes: &[u8]) -> Result<Rgb, String> {
    let wrong = |error: gif::DecodingError| error.to_string();
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    // The caller has bounded the screen, and no image may be larger than it.
    options.set_memory_limit(MemoryLimit::Unlimited);
    options.check_frame_consistency(true);
    options.check_lzw_end_code(true);
    let mut decoder = options.read_info(bytes).map_err(wrong)?;
    let (width, height) = (usize::from(decoder.width()), usize::from(decoder.height()));
    let global = decoder.global_palette().map(<[u8]>::to_vec);
    let frame = decoder.read_next_frame().map_err(wrong)?.ok_or("it holds no image")?;
    let given = frame.palette.as_ref().or(global.as_ref()).ok_or("it has no palette")?;
    // Colours that the palette lacks are the grey of their number, as in Pillow.
    let mut palette: [[u8; 3]; 256] = std::array::from_fn(|i| [i as u8; 3]);
    palette.iter_mut().zip(given.as_chunks::<3>().0).for_each(|(own, given)| *own = *given);
    let grey = palette.iter().all(|[r, g, b]| r == g && g == b);
    let mut screen = vec![frame.transparent.unwrap_or(0); width * height];
    let (left, top, across) = (usize::from(frame.left), usize::from(frame.top), usize::from(frame.width));
    let rows = screen.chunks_exact_mut(width.max(1)).skip(top);
    rows.zip(frame.buffer.chunks_exact(across.max(1)))
        .for_each(|(to, from)| to[left..left + across].copy_from_slice(from));
    let pixels = screen.iter().flat_map(|index| palette[usize::from(*index)]).collect();
    Ok(Rgb { width: width as u32, height: height as u32, grey, pixels })
}
