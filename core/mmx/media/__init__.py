"""Reading and writing of audio, images, video, subtitles and signals, within limits on their size.

Surface: audio_image, file_kinds, file_part, signals, size_limits, subtitles, video.
"""
