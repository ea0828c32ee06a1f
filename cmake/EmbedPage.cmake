# cmake -DTEMPLATE=page.html -DSTYLE=page.css -DSCRIPTS="a.js b.js" -DOUT=page_template.cpp -P EmbedPage.cmake
#
# Joins the page's parts into one text, and writes it as C++.
file(READ "${STYLE}" style)
set(script "")
separate_arguments(SCRIPTS)
foreach(file IN LISTS SCRIPTS)
  file(READ "${file}" part)
  string(APPEND script "${part}")
endforeach()
file(READ "${TEMPLATE}" page)
string(REPLACE "/*style*/" "${style}" page "${page}")
string(REPLACE "/*script*/" "${script}" page "${page}")
set(text "// Made by cmake/EmbedPage.cmake.\n#include \"viewer/page_template.h\"\n\nnamespace anycapture {\n")
string(APPEND text "namespace viewer {\n\nstd::string_view page_template() {\n  static constexpr char kText[] =\n")
string(LENGTH "${page}" length)
set(from 0)
while(from LESS length)  # compilers limit how long one literal is
  string(SUBSTRING "${page}" ${from} 12000 piece)
  string(APPEND text "R\"~~~(${piece})~~~\"\n")
  math(EXPR from "${from} + 12000")
endwhile()
string(APPEND text ";\n  return {kText, sizeof(kText) - 1};\n}\n\n}  // namespace viewer\n}  // namespace anycapture\n")
file(WRITE "${OUT}" "${text}")
