"""Reading and writing of media: audio, images, video, subtitles.

Every read is limited in size, and a faulty file is one `DataError` of one line.
"""
