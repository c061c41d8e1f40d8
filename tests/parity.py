"""What CASA's ia.imageconcat and pclean's concat_subcubes and concat_images do, what subcubefs does, and which tests say so.

TOPICS is the table; parity_plugin.py writes it as parity.md with what the tests found, test_parity.py keeps the two in step.
A test is named by its id without parameters, or with a pattern for those that matter here: cli/test_x.py::test_y[A1-*].
"""

import dataclasses
import fnmatch


@dataclasses.dataclass
class Row:
    behaviour: str
    theirs: str
    ours: str
    verdict: str        # same, better, different
    why: str            # unless it is the same
    tests: tuple


def same(behaviour, theirs, ours, *tests):
    return Row(behaviour, theirs, ours, "same", "", tests)


def better(behaviour, theirs, ours, why, *tests):
    return Row(behaviour, theirs, ours, "better", why, tests)


def different(behaviour, theirs, ours, why, *tests):
    return Row(behaviour, theirs, ours, "different", why, tests)


AXES, IMAGES, MODES, GAPS = "cli/test_axes.py::", "cli/test_images.py::", "cli/test_modes.py::", "cli/test_gaps.py::"
ALONG, DIFFERS = AXES + "test_concatenation_along", AXES + "test_a_difference_is_a_warning_and_with_strict_an_error"
PUT_IN = "cli/test_synthetic.py::test_image_has_the_pixels_masks_and_frequencies_put_in"
RULES = "cli/test_synthetic.py::test_image_has_the_header_by_casacores_rules"
WARNING = "cli/test_synthetic.py::test_what_differs_is_a_warning_and_nothing_else_is"
NO_IMAGE = "cli/test_synthetic.py::test_an_image_that_cannot_be_made"
CASAS, CASAS_VIEW = ("cli/test_families.py::test_each_image_is_casas_read_by_casacore",
                     "mount/test_families.py::test_each_view_is_casas_image_read_by_casacore")
CASAS_VIRTUAL = MODES + "test_each_family_is_casacores_concatenation"
OPTIONS, REMOVE = "cli/test_options.py::", "cli/test_remove.py::"
BROKEN = "cli/test_broken.py::test_a_broken_part"
PCLEAN = "cli/test_parity_pclean.py::"
SPECTRAL = "cli/test_parity_spectral.py::"

TOPICS = {
    "Contiguity and the spectral axis": [
        same("parts that join up", "one linear axis, the first part's coordinate", "the same",
             CASAS, CASAS_VIEW, ALONG + "[spectral*]", SPECTRAL + "test_without_a_gap_it_is_casacores"),
        same("falling frequencies", "taken as they are", "the same",
             PUT_IN + "[falling_frequencies-*]", RULES + "[falling_frequencies]", ALONG + "[spectral-falling]"),
        same("parts of different channel counts", "joined", "the same",
             CASAS + "[B2-*]", CASAS + "[A2u-*]", CASAS_VIEW + "[B2]", PUT_IN + "[uneven_chunks_and_tiles-*]"),
        better("a gap in frequency, axis in Hz", "relax: a tabulated axis through every channel, a warning",
               "the same frequencies, a warning", "velocity type and unit, further rest frequencies are kept",
               PUT_IN + "[gap_in_frequency-*]", PUT_IN + "[gap_in_frequency_on_a_falling_axis-*]",
               ALONG + "[spectral-with-a-gap]",
               SPECTRAL + "test_a_gap_changes_nothing_but_the_table_of_frequencies"),
        better("a tolerance of 1% of a channel",
               "from each part to the next, so errors add up and channels far along are labelled wrong",
               "every channel is within 1% of a channel of its own frequency, or the axis is tabulated",
               "no wrong frequencies",
               PUT_IN + "[rounded_widths_whose_errors_add_up-*]", RULES + "[rounded_widths_whose_errors_add_up]",
               RULES + "[irregular_frequencies]"),
        better("widths with 10 decimals of GHz, as pclean writes them",
               "the first part's increment, wrong from channel 13,950 on",
               "(last - first) / (n - 1), with a note", "20,000 channels of 30.5 kHz are labelled right",
               "cli/test_long_axes.py::test_every_channel_is_within_a_hundredth_of_its_own",
               PUT_IN + "[widths_rounded_to_ten_decimals_in_ghz-*]"),
        better("frequencies that are not monotonic", "relax: a warning, and an axis that is not the data's",
               "an error that names the parts and --reorder", "never a wrong frequency",
               NO_IMAGE + "[frequencies_out_of_order]", NO_IMAGE + "[the_same_frequencies_twice]",
               AXES + "test_what_cannot_be_concatenated[frequencies-*]"),
        same("a gap along a linear axis", "relax: a tabulated axis, a warning", "the same", ALONG + "[linear-with-a-gap]",
             ALONG + "[linear-one-pixel-each]"),
        same("not contiguous, relax=False", "an error", "--strict: an error", DIFFERS + "[not-contiguous]"),
    ],
    "Spectral axis with another unit, frame or velocity": [
        better("a gap on an axis in another unit", "1.0 GHz becomes 1.0 Hz", "tabulated in Hz, the unit for display is kept",
               "never a wrong frequency", PUT_IN + "[gap_in_frequency_on_an_axis_in_ghz-*]",
               SPECTRAL + "test_a_gap_changes_nothing_but_the_table_of_frequencies[*GHz]",
               SPECTRAL + "test_a_gap_changes_nothing_but_the_table_of_frequencies[in MHz]"),
        better("a gap on an axis with a conversion layer (imreframe)", "shown values are labelled as native ones",
               "native values, the layer is kept", "never a wrong frame",
               SPECTRAL + "test_a_gap_changes_nothing_but_the_table_of_frequencies[shown in another frame]"),
        better("a gap: velocity type and unit, all rest frequencies", "lost", "kept", "nothing is lost",
               SPECTRAL + "test_a_gap_changes_nothing_but_the_table_of_frequencies[*velocity*]",
               SPECTRAL + "test_a_gap_changes_nothing_but_the_table_of_frequencies[several rest frequencies]",
               SPECTRAL + "test_a_gap_changes_nothing_but_the_table_of_frequencies[all of it]"),
        same("no gap: unit, frame, conversion, velocity, rest frequencies", "the first part's", "the same",
             SPECTRAL + "test_without_a_gap_it_is_casacores", RULES + "[axis_in_ghz]"),
        better("frame, the frame shown or rest frequency differ between parts", "the first part's, without a word",
               "the first part's, a warning with both values",
               "it is told", WARNING + "[frames_differ]", WARNING + "[shown_frames_differ]",
               WARNING + "[rest_frequencies_differ]", RULES + "[frames_differ]"),
        better("the unit differs between parts", "an axis of numbers in both units, a warning",
               "each frequency in the first part's unit, a warning", "never a wrong frequency",
               PUT_IN + "[units_differ-*]", WARNING + "[units_differ]"),
    ],
    "Relax": [
        different("whether differences are errors", "imageconcat relax=False, pclean relax=True", "--relax", "as pclean calls it",
                  DIFFERS, AXES + "test_strict_finds_nothing_in_what_is_alike"),
        same("direction, cell or Stokes values differ, or frequencies off the axis", "relax: a warning; else an error",
             "--relax: a warning with the part and both values; --strict: an error",
             DIFFERS + "[direction]", DIFFERS + "[Stokes]", DIFFERS + "[frequencies-off-the-axis]", WARNING + "[cells_differ]",
             WARNING + "[stokes_differ]"),
        better("projection, telescope, observer, object or image type differ",
               "the first part's, mostly without a word, relax or not",
               "the first part's; a warning, with --strict an error", "it is told", WARNING + "[projections_differ]",
               WARNING + "[telescopes_differ]", WARNING + "[observers_differ]", WARNING + "[objects_differ]",
               DIFFERS + "[object]", DIFFERS + "[image-type]"),
        same("brightness units differ", "the first part's, a warning", "the same; with --strict an error",
             WARNING + "[brightness_units_differ]", RULES + "[brightness_units_differ]", DIFFERS + "[unit]"),
        same("another shape off the axis, or number of axes", "an error", "an error that names the part and both shapes",
             AXES + "test_what_cannot_be_concatenated[another-shape]",
             AXES + "test_what_cannot_be_concatenated[another-number-of-axes]",
             BROKEN + "[*another-shape*]"),
        same("coordinates of other types, or in another order", "an error", "the same",
             AXES + "test_what_cannot_be_concatenated[axes-in-another-order]"),
    ],
    "Axis": [
        same("the spectral axis, wherever it is", "axis=-1", "--axis=spectral, the default", ALONG + "[spectral*]"),
        different("how to say so", "any negative number", "the word; a negative number is wrong usage",
                  "a mistyped axis is not the spectral one",
                  "cli/test_parity_inputs.py::test_an_axis_is_a_number_from_0_or_the_word"),
        same("any other axis by its number", "0 to n-1", "the same", ALONG + "[spectral-by-its-number]",
             ALONG + "[Stokes*]", ALONG + "[direction*]", ALONG + "[linear*]", IMAGES + "test_along_another_axis"),
        same("no spectral axis, or no such axis", "an error", "the same",
             AXES + "test_what_cannot_be_concatenated[no-spectral-axis]",
             AXES + "test_what_cannot_be_concatenated[no-such-axis]"),
        same("along Stokes", "the union, or an error where one is there twice", "the same", ALONG + "[Stokes*]",
             AXES + "test_what_cannot_be_concatenated[a-Stokes-twice]"),
        same("along direction", "the first part's coordinate", "the same", ALONG + "[direction*]"),
        same("3 to 5 axes in any order", "any", "the same", ALONG + "[spectral-first-of-three]",
             ALONG + "[spectral-in-five-axes]",
             ALONG + "[spectral-between-linear-axes]", ALONG + "[spectral-before-Stokes]"),
        same("1 x 1 planes (.sumwt)", "as any other", "the same", CASAS + "[B10-*]", ALONG + "[spectral-1-x-1-planes]"),
    ],
    "Order of parts and reorder": [
        same("numbered parts", "pclean: in the order of their numbers", "the same, 10 after 9", CASAS + "[B11-*]",
             CASAS_VIEW + "[B11]",
             "mount/test_tree.py::test_parts_are_in_numeric_order"),
        same("a list", "in the order given", "the same", IMAGES + "test_order_is_the_users_unless_reordered"),
        same("reorder=True", "by world coordinate, the way the first part goes", "--reorder: the same",
             AXES + "test_reorder_goes_by_world_coordinate_as_the_first_part_does", AXES + "test_reorder_along_a_linear_axis",
             IMAGES + "test_order_is_the_users_unless_reordered"),
        same("reorder=True, ranges overlap", "an error", "an error that names the two",
             AXES + "test_reorder_does_not_help_where_frequencies_overlap"),
    ],
    "Multibeam": [
        same("the same beam everywhere", "one beam", "the same", RULES + "[the_same_beam_everywhere]",
             AXES + "test_beams_are_casacores[the-same-*]"),
        same("another beam in each part or plane", "a beam for each plane", "the same", CASAS + "[B1-*]", CASAS + "[A1-*]",
             RULES + "[a_beam_in_each_part]", RULES + "[a_beam_for_each_plane_of_several_stokes]"),
        same("beams along Stokes and direction", "ImageInfo::combineBeams", "the same", AXES + "test_beams_are_casacores"),
        better("beams in some parts only", "none, a warning", "none, a warning that names the parts", "it tells which",
               RULES + "[beams_in_some_parts_only]", WARNING + "[beams_in_some_parts_only]"),
    ],
    "Flagged channels": [
        better("a channel flagged altogether: pixels 0, a beam of 1e-6 arcsec", "concatenated as it is, without a word",
               "as it is, a warning names the channels", "it is told", CASAS + "[A6-*]", CASAS_VIEW + "[A6]",
               "mount/test_synthetic.py::test_fully_flagged_channels_are_named_in_a_warning"),
    ],
    "Precision": [
        same("float, double, complex, double complex", "kept bit by bit", "the same", CASAS + "[B4*]", CASAS_VIEW + "[B4*]",
             PUT_IN + "[double_pixels-*]", PUT_IN + "[complex_pixels-*]", PUT_IN + "[double_complex_pixels-*]",
             ALONG + "[*f8]", ALONG + "[*c8]", ALONG + "[*c16]"),
        same("NaN, infinities, -0", "kept", "the same", PUT_IN + "[nan_and_infinite_pixels-*]"),
        same("byte orders differ between parts", "read as they are", "the same", PUT_IN + "[byte_orders_differ-*]",
             PUT_IN + "[big_endian_complex_among_little-*]"),
        better("pixel types differ between parts", "a segmentation fault", "an error with both types", "no crash, and it is told",
               AXES + "test_what_cannot_be_concatenated[another-type]", BROKEN + "[*another-pixel-type*]"),
        better("FITS images of doubles", "read as floats",
               "stay doubles in paged images; virtual ones are of floats, as casacore opens them",
               "no digits are lost", "cli/test_fits.py::test_double_pixels_keep_their_digits", "cli/test_fits.py::test_virtual"),
    ],
    "Masks": [
        same("a mask in some parts only, or with another name", "mask0; parts without are all good", "the same", CASAS + "[B5*]",
             CASAS_VIEW + "[B5*]", PUT_IN + "[*mask*]", RULES + "[masks_of_other_names]",
             "mount/test_tree.py::test_a_mask_of_another_name_appears_as_mask0"),
        same("a mask that is not the default one", "counts for nothing", "the same",
             "cli/test_parity_masks.py::test_a_mask_that_is_not_the_default_counts_for_nothing",
             "cli/test_parity_masks.py::test_no_default_mask_in_any_part_is_no_mask"),
        different("a mask that is all good", "paged: dropped", "kept",
                  "to know would be to read all masks; readers see the same pixels",
                  PUT_IN + "[mask_all_good-*]"),
    ],
    "Miscinfo and keywords": [
        same("miscinfo", "merged; a name that is there gets the first free suffix _1, _2, ...", "the same", CASAS + "[B1-*]",
             CASAS_VIEW + "[B1]", RULES + "[miscinfo_with_the_same_keys]", AXES + "test_miscinfo_of_the_first_part_only"),
        different("only the first part's miscinfo", "no such option", "--miscinfo=first",
                  "tens of thousands of parts have as many copies",
                  AXES + "test_miscinfo_of_the_first_part_only"),
        better("miscinfo of virtual images that casacore could not read back", "written; the image cannot be opened",
               "left out, a warning", "the image opens",
               MODES + "test_miscinfo_that_casacore_could_not_read_is_left_out_with_a_warning"),
        same("keywords that are absent", "the first part's absence wins", "the same",
             RULES + "[keywords_absent_in_the_first_part]",
             RULES + "[keywords_absent_everywhere]"),
    ],
    "History": [
        different("rows of the parts", "all parts' in order, and 2 of its own",
                  "the first part's and 1 of its own; --history=all for all parts'",
                  "thousands of parts have the same rows", AXES + "test_history_of_all_parts_in_order",
                  "mount/test_families.py::test_history_is_the_first_parts_and_one_row"),
    ],
    "Modes": [
        same("paged", "an image with pixels of its own", "the same, the default", CASAS,
             "cli/test_families.py::test_an_image_is_an_ordinary_directory"),
        same("paged: tiles", "casacore's tile for the whole cube, whatever the parts'",
             "--tiling=casa: the same bytes in the pixel file",
             "cli/test_families.py::test_tiling_casa_gives_casas_own_pixel_file"),
        better("paged: tiles of long cubes", "one plane may touch a hundred times its bytes",
               "the default bounds it; keep and X,Y,S,C can be chosen",
               "planes stay quick to read", "cli/test_synthetic.py::test_auto_keeps_planes_of_a_long_cube_quick_to_read",
               "cli/test_synthetic.py::test_any_tile_gives_the_same_image",
               "cli/test_synthetic.py::test_auto_is_casas_tile_for_an_ordinary_cube"),
        same("nomovevirtual, copyvirtual, movevirtual", "a directory with imageconcat.json",
             "the same, and casacore reads the same image",
             CASAS_VIRTUAL, MODES + "test_the_catalog_says_what_casas_does"),
        better("nomovevirtual: names of parts", "as they were given; read from the reader's working directory when relative",
               "beside, below, or absolute", "opens from anywhere, and after the parent was moved",
               MODES + "test_names_are_beside_below_or_absolute",
               MODES + "test_it_opens_from_anywhere_and_after_its_parent_moved"),
        better("a virtual image whose axis casacore numbers by its own rules", "without a word", "the same catalog, a warning",
               "it is told; a paged image has the right axis",
               MODES + "test_an_axis_that_casacore_numbers_by_its_own_rules_is_warned_of"),
        same("copyvirtual", "the parts are copied into the image", "the same, with modes and times",
             MODES + "test_copies_keep_bytes_modes_and_times_and_leave_the_parts_alone"),
        better("movevirtual that cannot work", "part after part is moved until one fails",
               "every check comes before the first move",
               "all or nothing", MODES + "test_parts_of_another_shape_are_found_before_anything_moves",
               MODES + "test_another_file_system_moves_nothing", MODES + "test_one_broken_extension_does_not_stop_the_others"),
        better("movevirtual or copyvirtual, two parts of one name", "one of them is lost", "an error before anything is done",
               "nothing is lost",
               IMAGES + "test_images_of_one_name_cannot_both_be_inside"),
        better("movevirtual that is killed", "parts in both places, no catalog", "--resume finishes it, --undo puts all back",
               "nothing is lost", MODES + "test_killed_at_any_change_a_move_is_finished_or_undone",
               MODES + "test_an_interrupted_move_is_reported_by_name"),
        better("a finished movevirtual", "no way back", "--undo, of CASA's own as well", "can be undone",
               MODES + "test_moved_and_undone_is_as_it_was", MODES + "test_undo_takes_casas_own_apart"),
        different("names of modes", "told by the first letter, whatever follows", "a unique prefix", "a mistyped mode is told",
                  MODES + "test_a_unique_prefix_is_enough", MODES + "test_wrong_usage_is_status_2"),
        better("concat_subcubes(mode='virtual')", "fails for every product: only pclean's settings know the mode", "nomovevirtual",
               "works", "python/test_concat.py::test_modes[virtual]"),
        same("pclean's virtual and auto", "nomovevirtual; auto: paged unless parts are kept", "the same",
             MODES + "test_a_unique_prefix_is_enough",
             REMOVE + "test_all_go_when_all_is_made[options1]"),
        different("pclean's virtual without keep_subcubes", "a warning, parts are kept",
                  "--remove-subcubes with it is wrong usage",
                  "neither wish is dropped in silence", REMOVE + "test_it_would_lose_what_a_virtual_image_names"),
        better("an image that is only looked at", "outfile='': an image in memory while the tool is open",
               "subcubefs: a view that every program opens",
               "any reader, any number of parts", CASAS_VIEW,
               "mount/test_families.py::test_each_view_is_casas_image_read_by_casa_formats_io"),
        better("the path of a result, before and after it is made", "none until then",
               "a view of the parts, then the paged or virtual image, under one name", "the path stays valid",
               "mount/test_finished.py::test_passed_through_byte_for_byte",
               "mount/test_finished.py::test_parts_win_when_both_are_there"),
    ],
    "Tempclose": [
        same("tempclose=True", "imageconcat's default: readers open parts only while they read", "the default",
             MODES + "test_tempclose"),
        different("pclean's tempclose=False", "readers keep all parts open", "--no-tempclose",
                  "by default not: it fails from a thousand parts on", MODES + "test_tempclose",
                  MODES + "test_the_catalog_says_what_casas_does"),
        better("many parts and few open files", "paged: fails from about a thousand on, half an output left",
               "a bounded number of open files in every mode", "works", OPTIONS + "test_many_parts_and_few_open_files",
               "cli/test_parity_modes.py::test_many_parts_and_few_open_files",
               "mount/test_reading.py::test_many_parts_and_few_open_files"),
    ],
    "Overwrite and outputs": [
        different("whether outputs are replaced", "imageconcat overwrite=False, pclean overwrite=True",
                  "refused before anything is written; --overwrite",
                  "nothing is lost by default", OPTIONS + "test_an_output_that_exists_is_refused_before_anything_is_written",
                  OPTIONS + "test_a_file_of_that_name_is_refused_too"),
        better("overwrite=True", "the old image goes first", "it is replaced when its successor is complete",
               "a failure leaves the old one",
               OPTIONS + "test_overwrite_replaces", OPTIONS + "test_a_failed_overwrite_leaves_the_old_image"),
        better("paged over virtual, virtual over paged", "fails; replaces", "both replace", "works",
               MODES + "test_what_holds_no_parts_is_overwritten"),
        better("over an image that holds its parts",
               "paged: fails; virtual: another catalog, and the parts inside are named by none",
               "refused, names --undo", "no part is lost", MODES + "test_an_image_that_holds_parts_is_never_overwritten"),
        same("the output is one of the inputs", "an error", "the same", IMAGES + "test_an_input_is_never_the_output"),
        same("an output directory that is missing", "an error", "the same", OPTIONS + "test_an_output_directory_that_is_missing"),
    ],
    "Missing parts": [
        better("a missing part", "pclean: skipped without a word, a shorter cube",
               "an error that names it; --missing=skip or blank",
               "never a shorter cube unasked", GAPS + "test_missing_parts_are_an_error_that_names_each",
               GAPS + "test_nparts_beyond_what_is_there_is_missing"),
        same("skipping them", "pclean: what is there is concatenated", "--missing=skip: the same, with a warning",
             GAPS + "test_skipping_makes_a_shorter_cube_and_warns"),
        better("keeping their channels", "no such option",
               "--missing=blank, the mount's default: the axis stays linear, NaN and masked, or 0",
               "every channel is where it belongs", GAPS + "test_blank_channels_keep_the_axis", GAPS + "test_blank_values_of",
               GAPS + "test_the_mounts_default_is_blank_and_the_same_bytes"),
        better("the last part of one product is missing", "a shorter cube, and nothing shows it",
               "told by the other products, --nparts or --nchan",
               "never a shorter cube unasked", GAPS + "test_siblings_tell_that_the_last_part_is_missing",
               GAPS + "test_no_missing_part_with_a_total_is_checked"),
        better("parts of an earlier, larger run", "pclean: those above nparts are left out without a word",
               "--nparts: left out with a warning; without it an error that names the suspects", "it is told",
               GAPS + "test_nparts_leaves_parts_of_an_earlier_run_out",
               GAPS + "test_without_nparts_they_are_an_error_that_names_them"),
        better("an image of a list is missing", "imageconcat: left out without a word", "an error that names it",
               "never a shorter cube unasked",
               IMAGES + "test_an_image_that_is_not_there_is_named"),
        better("no part at all", "pclean: a warning, success", "the same words, exit status 3", "a script can tell",
               OPTIONS + "test_nothing_to_do_is_status_3"),
        better("a single part", "an error, no output; pclean then removes the part", "works", "works",
               PUT_IN + "[single_part-*]", MODES + "test_a_single_part", PCLEAN + "test_a_run_of_a_single_subcube_is_not_lost"),
    ],
    "Failures": [
        better("one product fails", "pclean: logged, the others are made, success", "named, the others are made, exit status 1",
               "a script can tell",
               PCLEAN + "test_a_failed_product_is_told_by_the_exit_status_too",
               "cli/test_broken.py::test_the_summary_counts_and_names_the_failed",
               BROKEN),
        better("a part that is cut short or unreadable",
               "paged: an error, half an output is left; virtual: fails when it is read",
               "an error that names part and file, nothing is left", "no half images", BROKEN,
               "mount/test_broken.py::test_a_broken_part",
               GAPS + "test_what_cannot_be_read_is_never_blanked_or_skipped"),
        better("killed, interrupted, or the disk is full", "half an output is left", "the image appears whole or not at all",
               "no half images",
               "cli/test_crash.py::test_a_killed_run_leaves_nothing_final_and_the_next_cleans_up",
               "cli/test_crash.py::test_an_interrupted_run_leaves_nothing",
               "cli/test_crash.py::test_a_full_disk_is_an_error_that_leaves_nothing"),
        better("reading the parts", "casacore makes table.lock in parts that lack it", "the source is as it was",
               "never writes to the source",
               OPTIONS + "test_no_lock_file_is_made_in_the_source", "cli/test_families.py::test_the_source_is_as_it_was"),
    ],
    "Inputs": [
        same("a list of images (concat_images)", "any names, anywhere", "--images: the same",
             IMAGES + "test_images_anywhere_in_every_mode",
             IMAGES + "test_relative_names_are_from_the_working_directory"),
        better("names with shell characters", "expanded as by a shell, fails", "names are names", "works",
               IMAGES + "test_names_are_never_expanded",
               IMAGES + "test_images_anywhere_in_every_mode", "mount/test_tree.py::test_names_are_names"),
        different("a pattern for the inputs (infiles='x.?.im')", "expanded, in the order of the directory",
                  "the shell expands it, or BASE finds the parts",
                  "a name is never a pattern; BASE goes by number", IMAGES + "test_names_are_never_expanded"),
        same("pclean's names", "BASE.subcube.N.EXT, from 0", "the same", CASAS,
             "mount/test_tree.py::test_parts_are_counted_from_zero"),
        same("names of CASA's parallel tclean", "BASE.workdirectory/BASE.nN.EXT, from 1", "the same",
             "cli/test_names.py::test_casas_names_count_from_1",
             "mount/test_names.py::test_casas_names"),
        better("parts under other names", "pclean: none", "--pattern='{base}.chunk{n}{ext}'", "other imagers' runs, too",
               "cli/test_names.py::test_a_pattern_of_ones_own", "mount/test_names.py::test_a_pattern_of_ones_own"),
        same("FITS images, alone or beside tables", "casacore's FITSImage", "the same", "cli/test_fits.py::test_exported_family",
             "cli/test_fits.py::test_mixed_with_tables", "cli/test_fits.py::test_beams"),
        better("FITS images of real numbers with BSCALE", "the scale is not applied", "an error", "never wrong pixels",
               "cli/test_fits.py::test_scaled_real_pixels_are_refused"),
        different("virtual images, expressions, Miriad and HDF5 images in a list", "opened as any other image",
                  "an error that names it",
                  "less than CASA: only tables and FITS files are read; a virtual image is an input by its BASE",
                  "cli/test_parity_inputs.py::test_an_image_of_another_kind_is_an_error_that_names_it",
                  "cli/test_parity_inputs.py::test_a_family_that_a_virtual_image_holds_is_an_input_by_its_base"),
    ],
    "A run of pclean's": [
        same("its nine products, by one call", "concat_subcubes(BASE, nparts)", "subcube-materialize BASE",
             PCLEAN + "test_every_product_is_made_by_one_command",
             CASAS + "[A1-*]", CASAS + "[A5-*]"),
        better("other products (.ttM, .alpha, ...)", "left out, unless listed", "all that are there", "no product is forgotten",
               PCLEAN + "test_every_product_is_made_by_one_command"),
        same("extensions=[...]", "only these", "--ext", OPTIONS + "test_ext_chooses"),
        different("max_workers", "one process for each product, 4 at most", "--jobs: processes share the pixels of each product",
                  "a single large product is made in parallel as well", OPTIONS + "test_any_number_of_jobs_gives_the_same_image"),
        same("removing parts and .BASE.subcube.N.tmpdir", "paged, unless keep_subcubes", "--remove-subcubes",
             REMOVE + "test_all_go_when_all_is_made",
             REMOVE + "test_real_families"),
        better("removing parts when a product failed", "all are removed", "none is; and all pixels are compared before",
               "nothing is lost",
               REMOVE + "test_none_goes_when_one_extension_fails", REMOVE + "test_parts_that_are_left_out_stay"),
        different("how it is called", "functions of Python; imageconcat gives an image tool of the result", "programs",
                  "needs neither Python nor CASA", PCLEAN + "test_every_product_is_made_by_one_command"),
        same("messages", "each product, its mode and time; the failed ones at the end", "the same in other words; --quiet",
             OPTIONS + "test_plain_lines_where_there_is_no_terminal", OPTIONS + "test_quiet_is_silent",
             "cli/test_broken.py::test_the_summary_counts_and_names_the_failed"),
    ],
}

ROWS = [row for rows in TOPICS.values() for row in rows]


def matching(test, ids):
    """Those of the tests `ids` that `test` means."""
    name, _, pattern = test.partition("[")
    found = [i for i in ids if i.partition("[")[0] == name]
    return [i for i in found if fnmatch.fnmatchcase(i.partition("[")[2], pattern)] if pattern else found


def told(tests, outcomes):
    """What became of the tests of a row; `outcomes` maps an id to passed, skipped, failed or error."""
    kinds = [outcomes[i] for i in sorted({i for t in tests for i in matching(t, outcomes)})]
    counts = [(sum(k in ("failed", "error") for k in kinds), "FAILED"), (kinds.count("passed"), "passed"),
              (kinds.count("skipped"), "skipped")]
    return ", ".join("%d %s" % c for c in counts if c[0]) or "not run"


def cells(row):
    """A line of the table, all but what became of the tests."""
    verdict = row.verdict + (": " + row.why if row.why else "")
    return [row.behaviour, row.theirs, row.ours, verdict, "<br>".join("`%s`" % t for t in row.tests)]


def markdown(outcomes):
    verdicts = [row.verdict for row in ROWS]
    lines = ["# Parity with `ia.imageconcat` and pclean", "",
             "Written by the tests from parity.py and what they found; README.md tells how. %d behaviours: %s." % (
                 len(ROWS), ", ".join("%d %s" % (verdicts.count(v), v) for v in ("same", "better", "different")))]
    for topic, rows in TOPICS.items():
        lines += ["", "## " + topic, "", "| behaviour | CASA and pclean | subcubefs | result | tests | found |",
                  "|---|---|---|---|---|---|"]
        lines += ["| " + " | ".join(cells(row) + [told(row.tests, outcomes)]) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def read(text):
    """The cells of all lines of the tables in `text`."""
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| behaviour ")]
    return [line[2:-2].split(" | ") for line in lines]
